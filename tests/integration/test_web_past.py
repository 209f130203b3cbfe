"""What was, over the API: moves, availability, the history of many nodes, and numbers for tables."""

import pytest

from tests.support.fake_service import FakeService
from tests.support.health_values import NOW_S
from tests.support.web import client_of, fake_app


@pytest.fixture
async def client():
    app, service = fake_app(FakeService(nodes=6))
    async with client_of(app, service.secret("viewer")) as made:
        yield made


def is_problem(answer, status, *fields):
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == list(fields)


async def test_moves_are_those_of_the_time_that_is_asked_for(client):
    shown = (await client.get("/api/v1/moves")).json()
    assert shown["end"] == "2026-11-25T12:00:00.000Z"
    assert [(move["node"], move["parent"], move["before"]) for move in shown["moves"]] == [
        (1005, None, 1001),
        (1003, 1002, 1001),
    ]
    shown = (await client.get("/api/v1/moves", params={"start": "2026-11-25T10:45:00Z"})).json()
    assert [move["node"] for move in shown["moves"]] == [1003]


async def test_availability_is_of_all_or_of_one(client):
    shown = (await client.get("/api/v1/availability")).json()
    assert (shown["first_day"], shown["days"], len(shown["mesh"])) == ("2026-10-27", 30, 30)
    assert [row["node"] for row in shown["nodes"]] == [1001, 1002, 1003, 1004, 1005, 1006]
    assert shown["nodes"][4]["days"][-8:] == [None, *[1.0] * 6, 0.5]
    one = (await client.get("/api/v1/availability", params={"days": 2, "node": 1005})).json()
    assert one["nodes"] == [{"node": 1005, "days": [1.0, 0.5], "ratio": 0.75}]


async def test_points_of_the_mesh_are_rows_with_gaps_as_gaps(client):
    params = {"metric": "delay_ms", "points": 24, "node": [1001, 1002], "hardware": "ESP32"}
    shown = (await client.get("/api/v1/mesh-history", params=params)).json()
    assert (shown["metric"], shown["unit"], shown["resolution_s"]) == ("delay_ms", "ms", 3600.0)
    assert shown["points"][21] == [NOW_S - 3 * 3600, None, None, None, None, 0]
    assert {point[5] for point in shown["points"]} == {0, 1}


async def test_numbers_are_of_all_nodes(client):
    shown = (await client.get("/api/v1/numbers")).json()
    assert [row["node"] for row in shown["nodes"]] == [1001, 1002, 1003, 1004, 1005, 1006]
    assert shown["nodes"][2]["reboots"] == 1
    assert shown["nodes"][2]["metrics"]["heap_free_bytes"] == 29_440
    assert shown["health"]["value"] == 0
    assert (await client.get("/api/v1/numbers")).headers["etag"]


@pytest.mark.parametrize(
    ("path", "params", "status", "fields"),
    [
        ("moves", {"start": "yesterday"}, 400, ["start"]),
        ("moves", {"start": "200", "end": "200"}, 400, ["end"]),
        ("moves", {"end": "0"}, 422, []),
        ("availability", {"days": 0}, 400, ["days"]),
        ("availability", {"days": 91}, 400, ["days"]),
        ("availability", {"days": "all"}, 400, ["days"]),
        ("availability", {"node": 9}, 404, []),
        ("availability", {"node": 0}, 400, ["node"]),
        ("mesh-history", {}, 400, ["metric"]),
        ("mesh-history", {"metric": "shoe_size"}, 404, []),
        ("mesh-history", {"metric": "delay_ms", "node": [1001, 9]}, 404, []),
        ("mesh-history", {"metric": "delay_ms", "points": 20_001}, 400, ["points"]),
        ("mesh-history", {"metric": "delay_ms", "resolution_s": -1}, 400, ["resolution_s"]),
        ("mesh-history", {"metric": "delay_ms", "resolution_s": "inf"}, 400, ["resolution_s"]),
        ("mesh-history", {"metric": "delay_ms", "node": [0]}, 422, ["node"]),
        ("mesh-history", {"metric": "delay_ms", "node": ["all"]}, 400, ["node"]),
        ("mesh-history", {"metric": "delay_ms", "node": list(range(1, 502))}, 400, ["node"]),
        ("mesh-history", {"metric": "delay_ms", "hardware": "x" * 201}, 400, ["hardware"]),
        ("mesh-history", {"metric": "delay_ms", "start": "300", "end": "200"}, 400, ["end"]),
    ],
)
async def test_what_cannot_be_asked_for(client, path, params, status, fields):
    is_problem(await client.get(f"/api/v1/{path}", params=params), status, *fields)
