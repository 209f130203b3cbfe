"""What `status` shows, and tables that fit."""

from datetime import UTC, datetime

import pytest

from meshward.cli.status_view import by_trouble, node_state, print_node, print_status, rollout_line, summary
from meshward.cli.tables import Column, fitting
from meshward.gateway.views import AttemptView, NodeDetail, ParentChange
from meshward.rollout.states import RolloutState
from tests.support.gateway_values import NOW, entries, health, node, rollout

MOMENT = datetime(2026, 11, 25, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "nodes", "runs", "words"),
    [
        ({}, [node(1), node(2)], True, "2 nodes, all of them online (gateway 0.1.0, up 2h 01m)."),
        ({}, [node(1), node(2, online=False)], True, "2 nodes, 1 online and 1 offline (gateway"),
        ({}, [], True, "No nodes yet (gateway 0.1.0"),
        ({"mesh_connected": False}, [node(1)], True, "Not in the mesh: no neighbour answers; 1 node known"),
        ({}, [node(1)], False, "No gateway runs now; 1 node known, as they were last."),
    ],
)
def test_the_mesh_in_one_sentence(values, nodes, runs, words):
    assert summary(health(**values), nodes, runs=runs).startswith(words)


def test_trouble_comes_first():
    nodes = [
        node(1),
        node(2, update_state="downloading"),
        node(3, online=False, excluded=True),
        node(4, online=False),
        node(5, update_state="failed"),
        node(6, update_state="completed"),
    ]
    assert [entry.id for entry in by_trouble(nodes)] == [5, 4, 2, 1, 6, 3]


def test_the_state_of_a_node():
    assert node_state(node(1)).plain == "online"
    assert node_state(node(1, update_state="not_targeted")).plain == "online"
    assert node_state(node(1, update_state="lost", online=False)).plain == "offline, lost"
    assert node_state(node(1, excluded=True)).plain == "online, excluded"


def test_the_table_fits_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    nodes = [
        node(
            3_213_549_812 + number,
            name="a long name " * 3,
            delay_ms=12.3,
            free_heap_bytes=150_000,
            parent=4_294_967_295,
            version="1.2.3-beta",
            role="temperature",
            update_state="already_installed",
            last_seen_at=NOW,
            online=bool(number),
        )
        for number in range(2)
    ]
    print_status(health(alarms=["the disk is full"]), nodes, [rollout()], runs=True, now=MOMENT)
    lines = capsys.readouterr().out.splitlines()
    assert "alarm: the disk is full" in lines
    table = lines[lines.index("") + 1 :]
    assert max(map(len, table)) <= 80
    assert table[0].split()[:3] == ["id", "name", "state"]
    assert table[1].split()[0] == "3213549812"
    assert "offline" in table[1]


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


def test_all_of_a_node(capsys):
    attempt = AttemptView(
        node=1,
        update="u",
        rollout="r",
        kind="install",
        firmware="ab" * 32,
        state="failed",
        reason="no\x1b room",
    )
    detail = NodeDetail(
        id=1,
        online=True,
        name="lamp\x1b[2J",
        tags=["indoors"],
        firmware="cd" * 32,
        proven_how="announce",
        proven_at=NOW,
        parents=[ParentChange(at=NOW, parent=7), ParentChange(at=NOW, parent=None)],
        attempts=[attempt],
    )
    print_node(detail, now=MOMENT)
    text = capsys.readouterr().out
    assert text.startswith("node 1 lamp")
    assert "\x1b" not in text
    assert "cdcdcdcdcdcdcdcd, announce 10m 00s ago" in text
    assert text.index("left the mesh") < text.index("below 7")
    assert "install abababab failed: no" in text
