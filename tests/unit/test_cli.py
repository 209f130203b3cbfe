"""The command line as far as it goes without a mesh: help, arguments, errors."""

import subprocess
import sys

import pytest

from meshward import __version__
from meshward.cli.app import run
from meshward.cli.options import JoinOptions
from meshward.cli.output import delay_text
from meshward.cli.render import print_nodes, print_tree
from meshward.errors import MeshwardError
from meshward.records import NodeRecord, TreeNode

MESH_COMMANDS = ["topology", "nodes", "ping", "send", "broadcast", "listen", "push", "verify"]


@pytest.fixture(autouse=True)
def narrow(tmp_path, monkeypatch):
    """A terminal of 80 columns, and nobody's configuration."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "MESHWARD_CONNECT",
        "MESHWARD_LISTEN",
        "MESHWARD_NODE_ID",
        "MESHWARD_CONFIG",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_command_with_a_summary(capsys):
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for command in [*MESH_COMMANDS, "firmware", "fleet"]:
        assert f"│ {command} " in text
    assert "MESHWARD_CONNECT" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", [*MESH_COMMANDS, "fleet"])
def test_each_commands_help_has_an_example_and_json(command, capsys):
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: meshward {command}" in text
    assert "--json" in text
    if command != "fleet":
        assert all(
            option in text for option in ("--connect", "--listen", "--node-id", "--timeout", "--config")
        )
    assert max(map(len, text.splitlines())) <= 80


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nodex"], "nodex"),
        (["nodes", "--frobnicate"], "--frobnicate"),
        (["nodes"], "say how to join: --connect"),
        (["nodes", "--connect", "a:b"], "'a:b'"),
        (["nodes", "--listen", "65536"], "65535"),
        (["nodes", "--connect", "a", "--node-id", "0"], "4294967295"),
        (["nodes", "--connect", "a", "--node-id", "x"], "whole number"),
        (["nodes", "--connect", "a", "--timeout", "0"], "above 0"),
        (["nodes", "--connect", "a", "--timeout", "nan"], "above 0"),
        (["ping", "some", "--connect", "a"], "`all`"),
        (["ping"], "NODE"),
        (["send", "5", "--connect", "a"], "TEXT"),
        (["send", "0", "text", "--connect", "a"], "4294967295"),
        (["fleet", "--topology", "ring"], "ring"),
        (["fleet", "--nodes", "0"], "at least one"),
        (["fleet", "--port", "65530"], "65535"),
        (["fleet", "--drop-at", "1005"], "1005:2.5"),
    ],
)
def test_wrong_calls_are_one_line_and_exit_status_2(arguments, complaint, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("meshward: ")
    assert captured.err.count("\n") == 1
    assert complaint in captured.err


def test_a_wrong_configuration_file_is_one_line(tmp_path, capsys):
    (tmp_path / "meshward.toml").write_text("connect = [")
    assert run(["nodes"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("meshward: meshward.toml line 1: not valid TOML")
    assert error.count("\n") == 1


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "meshward.toml").write_text('connect = "file"\nnode_id = 1\ntimeout_s = 3')
    assert str(JoinOptions().settings().connect[0]) == "file:5555"
    monkeypatch.setenv("MESHWARD_CONNECT", "environment")
    monkeypatch.setenv("MESHWARD_NODE_ID", "2")
    settings = JoinOptions(node_id=3).settings()
    assert (str(settings.connect[0]), settings.node_id, settings.timeout_s) == ("environment:5555", 3, 3.0)


def test_an_error_with_line_breaks_stays_one_line(capsys, monkeypatch):
    def broken(*_):
        raise MeshwardError("first\nsecond")

    monkeypatch.setattr("meshward.cli.options.load_settings", broken)
    assert run(["nodes", "--connect", "a"]) == 1
    assert capsys.readouterr().err == "meshward: first second\n"


def test_help_does_not_load_what_only_a_mesh_needs():
    program = (
        "import sys; from meshward.cli.app import run; run(['nodes', '--help']);"
        "print([name for name in ('asyncio', 'msgspec', 'meshnode') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# -- what people see -------------------------------------------------------------------------


def test_a_tree_marks_us_and_roots_and_puts_runs_on_one_line(capsys):
    tree = TreeNode(7, (TreeNode(1, (TreeNode(2, (TreeNode(3),)), TreeNode(4)), root=True),))
    print_tree(tree, own=7)
    assert capsys.readouterr().out.splitlines() == ["7 (us) → 1 (root)", "├── 2 → 3", "└── 4"]


def test_a_long_chain_fits_the_terminal(capsys):
    tree = TreeNode(4_294_967_295)
    for node_id in range(4_294_967_294, 4_294_967_294 - 127, -1):
        tree = TreeNode(node_id, (tree,))
    print_tree(tree)
    assert max(len(line.rstrip()) for line in capsys.readouterr().out.splitlines()) <= 80


def test_a_table_of_nodes_says_who_did_not_answer(capsys):
    records = [
        NodeRecord(4_294_967_295, None, 0, (1,), root=False, time_authority=True),
        NodeRecord(1, 4_294_967_295, 1, (2,), root=True, time_authority=False),
        NodeRecord(2, 1, 2, (), root=False, time_authority=False),
    ]
    print_nodes(records, {1: 1_234})
    header, ours, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["node", "parent", "depth", "children", "delay"]
    assert ours.split() == ["4294967295", "0", "1", "us,", "time", "authority"]
    assert first.split() == ["1", "4294967295", "1", "1", "1.23", "ms", "root"]
    assert second.split() == ["2", "1", "2", "no", "answer"]
    assert max(map(len, (header, ours, first, second))) <= 80


def test_delays_are_told_in_milliseconds():
    assert (delay_text(456), delay_text(None)) == ("0.46 ms", "no answer")
