"""What `status` shows of the mesh, and tables that fit."""

from datetime import UTC, datetime

import pytest

from meshward.cli.status_view import (
    alert_lines,
    by_trouble,
    node_state,
    print_status,
    rollout_line,
    score_line,
    summary,
    wrong_text,
)
from meshward.cli.tables import Column, fitting, print_table
from meshward.gateway.health_views import Score, ScorePart
from meshward.rollout.states import RolloutState
from tests.support import health_values as values
from tests.support.cli_run import Commands
from tests.support.gateway_values import NOW, entries, health, node, rollout

MOMENT = datetime(2026, 11, 25, 12, 10, tzinfo=UTC)


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys)


def status(node_id, score=100, **more):
    return values.node_status(node_id, health=Score(value=score), **more)


@pytest.mark.parametrize(
    ("fields", "nodes", "runs", "words"),
    [
        ({}, [status(1), status(2)], True, "2 nodes, all of them online (gateway 0.1.0, up 2h 01m)."),
        ({}, [status(1), status(2, online=False)], True, "2 nodes, 1 online and 1 offline (gateway"),
        ({}, [], True, "No nodes yet (gateway 0.1.0"),
        ({"mesh_connected": False}, [status(1)], True, "Not in the mesh: no neighbour answers; 1 node known"),
        ({}, [status(1)], False, "No gateway runs now; 1 node known, as they were last."),
    ],
)
def test_the_mesh_in_one_sentence(fields, nodes, runs, words):
    assert summary(health(**fields), nodes, runs=runs).startswith(words)


def test_trouble_comes_first():
    listed = {
        1: node(1),
        2: node(2, update_state="downloading"),
        3: node(3, online=False, excluded=True),
        4: node(4, online=False),
        5: node(5, update_state="failed"),
    }
    mesh = [
        status(1),
        status(2, score=70),
        status(3, score=0, online=False),
        status(4, score=0, online=False),
        status(5),
        status(6, score=60),
    ]
    assert [entry.node for entry in by_trouble(mesh, listed)] == [5, 4, 6, 2, 1, 3]


def test_the_state_of_a_node():
    assert node_state(node(1)).plain == "online"
    assert node_state(node(1, update_state="not_targeted")).plain == "online"
    assert node_state(node(1, update_state="lost", online=False)).plain == "offline, lost"
    assert node_state(node(1, excluded=True)).plain == "online, excluded"
    assert node_state(values.node_status(1, online=False), 5400.0).plain == "offline 1h 30m"


def test_a_score_is_told_with_what_took_most_from_it():
    assert score_line(Score(value=100)).plain == "Health 100 of 100."
    parts = [ScorePart(points=points, reason=f"because of {points}") for points in (2, 20, 5, 10)]
    line = score_line(Score(value=63, parts=parts)).plain
    assert line == (
        "Health 63 of 100: -20 because of 20; -10 because of 10; -5 because of 5; -2 for 1 more reason"
    )
    assert wrong_text(values.node_status(1, health=Score(value=63, parts=parts))) == "because of 20 (+3)"


def test_alerts_that_fire_are_lines_and_quiet_ones_are_counted():
    alerts = [
        values.alert("a1", severity="warning", text="later\x1b[2J"),
        values.alert("a2"),
        values.alert("a3", quiet="acknowledged"),
        values.alert("a4", quiet="explained"),
        values.alert("a5", quiet="explained"),
    ]
    lines = [line.plain for line in alert_lines(alerts)]
    assert lines[0] == "critical a2: node 1005 has been silent for 90 minutes"
    assert lines[1] == "warning a1: later\N{REPLACEMENT CHARACTER}[2J"
    assert lines[2] == "3 quiet alerts: 1 acknowledged, 2 explained"


def test_many_alerts_do_not_push_the_nodes_away():
    lines = alert_lines([values.alert(f"a{number}") for number in range(100)])
    assert len(lines) == 13
    assert lines[-1].plain == "… and 88 more: see `meshward alerts list`"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_table_fits_the_terminal(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    ids = [3_213_549_812 + number for number in range(3)]
    mesh = values.mesh_status(
        *(
            values.node_status(
                node_id,
                name="a long name " * 3,
                health=values.score(not_in_the_mesh_for_longer_than_it_ever_was=100 - place),
                parent=4_294_967_295,
                online=bool(place),
                silent_s=5400.0,
                alerts=["a1", "a2"],
                version="1.2.3-beta",
                metrics=values.readings(rssi_dbm=-101.0, heap_free_bytes=150_000.0),
            )
            for place, node_id in enumerate(ids)
        )
    )
    listed = {node_id: node(node_id, update_state="already_installed") for node_id in ids}
    print_status(mesh, listed, health(alarms=["the disk is full"]), [], [rollout()], runs=True, now=MOMENT)
    lines = capsys.readouterr().out.splitlines()
    assert "alarm: the disk is full" in lines
    table = lines[lines.index("") + 1 :]
    assert max(map(len, table)) <= columns
    assert table[0].split()[:4] == ["health", "id", "name", "state"]
    assert table[0].rstrip().endswith("what is wrong")
    assert table[1].split()[:2] == ["0", "3213549812"]
    assert "not in the mesh" in table[1]
    assert ("1.2.3-beta" in table[1]) == (columns == 200)


def test_values_that_are_old_or_of_nodes_that_are_away_are_dim(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    mesh = values.mesh_status(
        status(1, metrics=values.readings(20.0, heap_free_bytes=1024.0)),
        status(2, metrics=values.readings(301.0, heap_free_bytes=2048.0)),
        status(3, online=False, metrics=values.readings(20.0, heap_free_bytes=3072.0)),
    )
    print_status(mesh, {}, health(), [], [], runs=True, now=MOMENT)
    text = capsys.readouterr().out
    assert "\x1b[2m1.0 KB" not in text
    assert "\x1b[2m2.0 KB" in text
    assert "\x1b[2m3.0 KB" in text


def test_uptime_is_at_least_the_time_in_the_mesh_where_a_board_does_not_tell_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    mesh = values.mesh_status(
        status(1, metrics=values.readings(uptime_s=7200.0)), status(2, metrics=values.seen())
    )
    print_status(mesh, {2: node(2, up_since_at=NOW)}, health(), [], [], runs=True, now=MOMENT)
    text = capsys.readouterr().out
    assert "  2h 00m" in text
    assert "≥ 10m 00s" in text


def test_what_the_mesh_falls_apart_without_is_named(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    mesh = values.mesh_status(
        *(status(node_id, name="Kitchen\x1b" if node_id == 1 else "") for node_id in range(1, 8)),
        articulation=[1, 2, 3, 4, 5, 6],
    )
    print_status(mesh, {}, health(), [], [], runs=True, now=MOMENT)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Others reach us only through Kitchen\N{REPLACEMENT CHARACTER}, 2, 3, 4, 5 and 1 more."


def test_without_a_gateway_nodes_are_away_since_they_were_seen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    mesh = values.mesh_status(status(1, score=50, online=False, silent_s=1.0))
    print_status(mesh, {1: node(1, online=False, last_seen_at=NOW)}, health(), [], [], runs=False, now=MOMENT)
    out = capsys.readouterr().out
    assert out.startswith("No gateway runs now; 1 node known, as they were last.\n\n")
    assert "10m 00s" in out


def test_an_empty_mesh_has_no_table(capsys):
    print_status(values.mesh_status(), {}, health(), [], [], runs=True, now=MOMENT)
    assert capsys.readouterr().out == "No nodes yet (gateway 0.1.0, up 2h 01m).\n"


def test_a_rollout_under_way_takes_one_line():
    line = rollout_line(rollout(RolloutState.UPDATING, entries({"completed": 1, "downloading": 2}))).plain
    assert (
        line == "rollout r-7f3a sensor 1.1.0: updates nodes, wave 1 of 3 (canary); 1 completed, 2 downloading"
    )


def test_columns_that_matter_least_go_first():
    columns = [Column("id"), Column("b", matters=5), Column("c", matters=2), Column("d", matters=2)]
    rows = [["1", "x" * 10, "y" * 10, "z" * 10]]
    assert fitting(columns, rows, 80) == [0, 1, 2, 3]
    assert fitting(columns, rows, 35) == [0, 1, 2]
    assert fitting(columns, rows, 20) == [0, 1]
    assert fitting(columns, rows, 3) == [0]
    assert fitting(columns, [["1", "", "", "z"]], 80) == [0, 3]


def test_flexible_columns_share_the_room(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    columns = [Column("id"), Column("short", flexible=True), Column("long", flexible=True)]
    print_table(columns, [["1", "x" * 14, "y" * 60]])
    row = capsys.readouterr().out.splitlines()[1]
    assert row == f"1   {'x' * 14}  {'y' * 19}…"
    print_table(columns, [["1", "x" * 60, "y" * 60]])
    row = capsys.readouterr().out.splitlines()[1]
    assert row == f"1   {'x' * 16}…  {'y' * 16}…"


# -- the command -------------------------------------------------------------------------------


def test_status_tells_of_the_mesh(commands):
    commands.service.nodes_by_id[1001].name = "kitchen\x1b[2J"
    out = commands.said("status")
    assert out.startswith("20 nodes, 16 online and 4 offline")
    assert "\x1b" not in out
    assert "critical a2: node 1005 has been silent for 90 minutes\n" in out
    assert "3 quiet alerts: 1 acknowledged, 1 explained, 1 silenced\n" in out
    lines = out.splitlines()
    table = lines[lines.index("") + 1 :]
    assert len(table[: table.index("")]) == 1 + 20
    assert max(map(len, table)) <= 80


def test_status_as_json_has_what_is_listed_of_a_node_and_its_health(commands):
    told = commands.done("status")
    assert told["coverage"]["answered"] == 16
    assert told["health"] == {"value": 0, "parts": []}
    assert told["gateway"]["nodes_online"] == 16
    assert told["gateway_runs"] is True
    assert told["rollouts"] == []
    assert {alert["state"] for alert in told["alerts"]} == {"firing"}
    weak = next(entry for entry in told["nodes"] if entry["node"] == 1002)
    assert weak["id"] == 1002
    assert weak["children"] == []
    assert weak["health"]["parts"] == [{"points": 20, "reason": "weak link to its parent"}]
    assert weak["metrics"]["rssi_dbm"] == {"value": -84.0, "age_s": 21.0, "source": "telemetry"}
    assert len(told["nodes"]) == 20


def test_a_node_that_is_only_in_one_of_the_lists_is_told_all_the_same(commands):
    del commands.service.nodes_by_id[1001]
    commands.service.mesh_status = lambda: values.mesh_status(values.node_status(1), values.node_status(1002))
    told = commands.done("status")
    assert [entry["node"] for entry in told["nodes"]] == [1, 1002]
    assert "id" not in told["nodes"][0]
    assert "2 nodes" in commands.said("status")
