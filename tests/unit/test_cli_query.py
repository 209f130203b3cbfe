"""The command `query`."""

import asyncio
import json

import pytest

from meshward.cli.query_view import columns, in_order, print_query
from meshward.gateway.health_views import (
    Coverage,
    MetricView,
    QueryAnswer,
    QueryTotal,
    QueryView,
    ReadingView,
)
from tests.support.cli_run import Commands

HEAP = MetricView(name="heap_free_bytes", kind="gauge", unit="B", words="free heap")
RSSI = MetricView(name="rssi_dbm", kind="gauge", unit="dBm", words="signal of its parent")


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys)


def body(commands):
    request = next(request for request in commands.gate.requests if request.url.path.endswith("/queries"))
    return json.loads(request.content)


def answer(node, how="asked", **more):
    return QueryAnswer(node=node, answered=how == "asked", how=how, **more)


def query(*answers, answered=None, **more):
    count = sum(one.answered for one in answers) if answered is None else answered
    coverage = Coverage(nodes=len(answers), answered=count, text=f"{count} of {len(answers)} answered")
    return QueryView(
        **{
            "id": "q1",
            "asked_at": "2026-11-25T12:00:00Z",
            "took_s": 1.26,
            "coverage": coverage,
            "answers": list(answers),
            **more,
        }
    )


def test_all_are_asked_for_everything(commands):
    out = commands.said("query")
    assert out.startswith("15 of 20 answered, oldest 0 s, 4 silent: node 5,")
    assert out.splitlines()[0].endswith("(in 0.8 s)")
    assert body(commands) == {
        "nodes": [],
        "role": "",
        "groups": [],
        "deadline_s": 8.0,
        "max_age_s": 10.0,
    }
    table = out.split("\n\n")[1].splitlines()
    assert len(table) == 1 + 20
    assert table[1].split()[:4] == ["1005", "node", "5", "silent"]
    assert max(map(len, table)) <= 80
    assert "of all" in out


def test_some_are_asked_for_some_of_it_and_anew(commands):
    told = commands.done(
        *("query", "1002", "node 3", "1002", "--group", "heap", "--group", "link"),
        *("--deadline", "5s", "--fresh"),
    )
    assert [one["node"] for one in told["answers"]] == [1002, 1003]
    assert told["coverage"]["answered"] == 2
    sent = body(commands)
    assert sent["nodes"] == [1002, 1003]
    assert sent["groups"] == ["heap", "link"]
    assert (sent["deadline_s"], sent["max_age_s"]) == (5.0, 0.0)


def test_a_role_is_asked(commands):
    told = commands.done("query", "--role", "relay")
    assert {one["node"] for one in told["answers"]} == {1003, 1006, 1009, 1012, 1015, 1018}
    assert body(commands)["role"] == "relay"


def test_it_fails_where_nobody_answers(commands):
    out = commands.said("query", "1005", "1004", status=1)
    assert out.startswith("0 of 2 answered, 1 silent: node 5")
    assert "of all" not in out
    assert commands.done("query", "1005", status=1)["coverage"]["answered"] == 0


def test_what_makes_no_sense_is_refused(commands):
    assert "nodes or --role, not both" in commands.refused("query", "1001", "--role", "sensor")
    assert "--deadline: '8' is not a duration" in commands.refused("query", "--deadline", "8")
    assert "from 1 to 10" in commands.refused("query", "--deadline", "20s")
    assert "'attic'" in commands.refused("query", "attic")
    assert "colour" in commands.refused("query", "--group", "colour")


def test_without_a_mesh_it_says_so(commands):
    commands.service.mesh_connected = False
    assert "nobody can be asked" in commands.refused("query", status=1)


def test_the_gateway_is_given_the_time_that_nodes_have(commands):
    commands.said("query", "--deadline", "10s")
    request = next(request for request in commands.gate.requests if request.url.path.endswith("/queries"))
    assert request.extensions["timeout"]["read"] == 40.0


def test_on_a_terminal_it_shows_that_it_waits(commands, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    ask = commands.service.query

    async def slowly(request):
        for _ in range(10):  # others get their turn
            await asyncio.sleep(0)
        return await ask(request)

    commands.service.query = slowly
    status, out, err = commands.told("query", "1002", "--json")
    assert status == 0
    assert json.loads(out)["coverage"]["answered"] == 1
    assert "asking 1 node …" in err
    assert err.endswith("\x1b[2K")  # the line is gone at the end


def test_those_that_should_have_answered_come_first():
    answers = [answer(3), answer(2, "known"), answer(9, "silent"), answer(1)]
    assert [one.node for one in in_order(answers)] == [9, 1, 3, 2]


def test_values_of_boards_are_shown_without_control_characters(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    hostile = answer(1, name="\x1b[2Jlamp", texts={"sketch\x1b": "<b>\x07blink"}, age_s=0.2)
    print_query(query(hostile), [HEAP])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "blink" in out


def test_totals_are_of_more_than_one_node(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    reading = ReadingView(value=2048.0, age_s=0.1, source="query")
    answers = [answer(node, metrics={"heap_free_bytes": reading}) for node in (1, 2)]
    totals = {
        "heap_free_bytes": QueryTotal(count=2, low=1024.0, median=2048.0, high=3072.0, lowest=2, highest=1),
        "rssi_dbm": QueryTotal(count=1, low=-60.0, median=-60.0, high=-60.0, lowest=2, highest=2),
    }
    print_query(query(*answers, totals=totals, cached=True), [HEAP, RSSI])
    out = capsys.readouterr().out
    assert out.startswith("2 of 2 answered (answered to somebody else just now)\n")
    assert out.splitlines()[-1].split() == [
        "heap",
        "free",
        "1.0",
        "KB",
        "2",
        "2.0",
        "KB",
        "3.0",
        "KB",
        "1",
        "2",
    ]


def test_columns_that_come_first_in_the_catalogue_stay_longest():
    made = columns([HEAP, RSSI] * 6, ["sketch"])
    assert [column.title for column in made[:6]] == ["id", "name", "answer", "age", "heap free", "rssi"]
    matters = [column.matters for column in made[4:]]
    assert matters == sorted(matters, reverse=True)
    assert min(matters) == 1
