"""Every command about the gateway explains itself, and none loads much for it."""

import subprocess
import sys

import pytest

from meshward.cli.app import run

COMMANDS = [
    *("dashboard", "bridges", "status", "events", "backup", "restore"),
    *("audit list", "audit verify", "token create", "token list", "token revoke"),
    *("node list", "node name", "node tag", "node exclude", "node include", "node forget"),
    *("firmware add", "firmware list", "firmware show", "firmware note", "firmware rm"),
    *("rollout create", "rollout list", "rollout show", "rollout watch", "rollout approve", "rollout pause"),
    *("query", "history", "alerts list", "alerts show", "alerts ack", "alerts unack", "alerts silence"),
    *(
        "alerts silences",
        "alerts unsilence",
        "alerts maintenance",
        "alerts rules",
        "alerts rule",
        "alerts test",
    ),
    *("rollout resume", "rollout skip", "rollout retry", "rollout abort", "rollout rollback"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_json_and_fits_the_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: meshward {command}" in text
    assert "--json" in text
    assert "--data" in text
    assert "--token " not in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_loads_neither_clients_nor_servers():
    program = (
        "import sys; from meshward.cli.app import run; run(['rollout', 'create', '--help']);"
        "print([name for name in ('asyncio', 'httpx', 'litestar', 'msgspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
