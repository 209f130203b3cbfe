"""The command `bridges`."""

from datetime import UTC, datetime, timedelta

import pytest

from meshward.gateway.bridge_views import BridgeView
from tests.support.cli_run import COLUMNS, Commands

BROKER = "mqtt://broker.example:1883/mesh"


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys, role="viewer")


def bridge(name=BROKER, state="up", text="connected with MQTT 5", **more):
    since = datetime.now(UTC) - timedelta(minutes=65)
    return BridgeView(
        **{"name": name, "kind": "mqtt", "state": state, "since_at": since.isoformat(), "text": text, **more}
    )


def test_each_bridge_is_a_line_and_a_sentence(commands):
    commands.service.bridges_shown = [
        bridge(sent=12_345, sent_bytes=3 << 20, extras=["home assistant", "control"]),
        bridge("/metrics", kind="prometheus", text="scraped 3 s ago", sent=7),
    ]
    out = commands.said("bridges")
    lines = out.splitlines()
    assert lines[0].split() == ["bridge", "state", "for", "sent", "bytes"]
    assert lines[1].split()[:5] == [BROKER, "up", "1h", "05m", "12,345"]
    assert lines[2].split() == ["/metrics", "up", "1h", "05m", "7"]
    assert "  connected with MQTT 5" in lines
    assert "  with home assistant, control" in lines
    assert "  scraped 3 s ago" in lines
    assert max(map(len, lines)) <= COLUMNS


def test_why_one_does_not_work_is_told_whole_and_by_the_exit_status(commands):
    reason = "the broker refuses the user or password: " + "set them in the table [mqtt], " * 5
    commands.service.bridges_shown = [
        bridge(),
        bridge("influx http://db.example:8086", "failing", reason.strip(), waiting=1500, dropped=20),
    ]
    out = commands.said("bridges", status=1)
    assert f"  {reason.strip()}\n" in out
    assert "1,500" in out
    assert "dropped" in out


def test_names_and_texts_of_others_cannot_act_on_the_terminal(commands):
    commands.service.bridges_shown = [bridge(text="connected\x1b[2J [red]x[/red]")]
    out = commands.said("bridges")
    assert "\x1b" not in out
    assert "[red]x[/red]" in out


def test_they_are_there_as_json(commands):
    commands.service.bridges_shown = [bridge(state="starting", text="not tried yet")]
    (told,) = commands.done("bridges")["bridges"]
    assert (told["name"], told["state"], told["sent"]) == (BROKER, "starting", 0)


def test_without_any_it_says_how_to_make_one(commands):
    assert "meshward run --mqtt mqtt://HOST" in commands.said("bridges")
    assert commands.done("bridges") == {"bridges": []}


def test_without_a_gateway_there_is_nothing_to_show(commands, tmp_path, monkeypatch):
    monkeypatch.delenv("MESHWARD_URL")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    assert "bridges run only with one" in commands.refused("bridges", "--data", data, status=1)
