"""Rules on trial, files looked at, pings, packages, and what the dashboard keeps, over the API."""

import asyncio

import pytest

from meshward.gateway.health_views import RulePatch
from tests.integration.test_web_health import is_problem
from tests.support.fake_service import FakeService
from tests.support.web import bearer, client_of, fake_app, until

TRIAL = {"metric": "heap_free_bytes", "direction": "below", "threshold": 50_000}
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def service():
    return FakeService(nodes=6)


@pytest.fixture
async def client(service):
    app, _ = fake_app(service)
    async with client_of(app, service.secret("operator", "olga")) as made:
        yield made


async def attempt(client, **changes):
    return await client.post("/api/v1/alert-rules/try", json={**TRIAL, **changes})


async def test_a_rule_is_tried(client):
    answer = await attempt(client)
    assert answer.status_code == 200
    shown = answer.json()
    assert [episode["node"] for episode in shown["episodes"]] == [1004, 1003]
    assert shown["episodes"][0]["until_at"] is None
    assert shown["text"] == "2 times in 7 days, on 2 of 6 nodes"
    assert (await attempt(client, nodes=[1001])).json()["count"] == 0


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"threshold": 1e13}, 422, "threshold"),
        ({"clear": -1e13}, 422, "clear"),
        ({"for_s": -1}, 422, "for_s"),
        ({"keep_firing_s": 1e9}, 422, "keep_firing_s"),
        ({"metric": ""}, 422, "metric"),
        ({"metric": "x" * 65}, 422, "metric"),
        ({"nodes": [0]}, 422, "nodes"),
        ({"nodes": list(range(1, 3000))}, 422, "nodes"),
        ({"tags": ["a"] * 21}, 422, "tags"),
        ({"direction": "beside"}, 400, "direction"),
        ({"days": 0}, 400, "days"),
        ({"days": 31}, 400, "days"),
        ({"threshold": "low"}, 400, "threshold"),
    ],
)
async def test_what_is_no_rule_is_refused_by_its_field(client, changes, status, field):
    is_problem(await attempt(client, **changes), status, field)


async def test_what_cannot_be_tried_is_told(client, service):
    assert is_problem(await attempt(client, metric="heap"), 404)
    assert is_problem(await attempt(client, nodes=[77]), 404)
    assert is_problem(await attempt(client, clear=40_000), 422)
    service.trials_open = 1
    assert is_problem(await attempt(client), 409)


async def test_no_rule_can_be_called_try(service):
    app, _ = fake_app(service)
    async with client_of(app, service.secret("admin")) as admin:
        change = await admin.patch("/api/v1/alert-rules/try", json=TRIAL)
        assert change.status_code == 405
        assert (await admin.delete("/api/v1/alert-rules/try")).status_code == 405
    assert "try" not in {rule.name for rule in service.rules()}
    assert RulePatch(**TRIAL).metric == TRIAL["metric"]  # what was sent is a rule, under another name


async def look(client, content, **more):
    return await client.post("/api/v1/firmware/check", content=content, headers=BINARY, **more)


async def test_a_file_is_looked_at_and_not_kept(client):
    answer = await look(client, b"\xe9 an image", params={"name": "../lamp.bin"})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["name"], shown["taken"], shown["known"], shown["size_bytes"]) == (
        "lamp.bin",
        True,
        False,
        10,
    )
    assert (await client.get("/api/v1/firmware")).json() == []
    await client.post("/api/v1/firmware", content=b"\xe9 an image", headers=BINARY)
    assert (await look(client, b"\xe9 an image")).json()["known"]


async def test_what_is_no_firmware_is_an_answer_and_no_error(client):
    shown = (await look(client, b"%PDF-1.7")).json()
    assert not shown["taken"]
    assert shown["refusal"]


async def test_files_to_look_at_are_taken_as_those_to_keep_are(client, service):
    assert is_problem(await look(client, b""), 422)
    assert is_problem(await client.post("/api/v1/firmware/check", json={}), 415)
    app, _ = fake_app(service, upload_bytes=1000)
    async with client_of(app, service.secret("operator")) as small:
        assert is_problem(await look(small, b"\xe9" * 1001), 413)

        async def endless():
            while True:
                yield b"\xe9" * 100

        assert is_problem(await look(small, endless()), 413)
    assert service.checked_bytes <= 1001


async def test_looking_and_adding_share_the_places_for_files(service):
    app, _ = fake_app(service)
    gate = asyncio.Event()

    async def slow():
        yield b"\xe9"
        await gate.wait()

    async with client_of(app, service.secret("operator")) as client:
        begun = [asyncio.create_task(look(client, slow())) for _ in range(4)]
        await until(lambda: service.checks == 4)
        assert is_problem(await look(client, b"\xe9"), 429)
        added = await client.post("/api/v1/firmware", content=b"\xe9", headers=BINARY)
        assert is_problem(added, 429)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*begun)} == {200}


async def test_last_packages_are_shown(client):
    shown = (await client.get("/api/v1/nodes/1001/packages")).json()
    assert [one["type"] for one in shown] == [604] * 3
    assert shown[0]["package"]["from"] == 1001
    assert is_problem(await client.get("/api/v1/nodes/9/packages"), 404)
    is_problem(await client.get("/api/v1/nodes/0/packages"), 400, "node_id")


async def test_a_node_is_asked(client):
    shown = (await client.post("/api/v1/nodes/1001/ping")).json()
    assert (shown["answered"], shown["delay_ms"]) == (True, 12.5)
    shown = (await client.post("/api/v1/nodes/1004/ping")).json()
    assert (shown["answered"], shown["delay_ms"]) == (False, None)
    assert is_problem(await client.post("/api/v1/nodes/1005/ping"), 409)
    assert is_problem(await client.post("/api/v1/nodes/9/ping"), 404)


async def change(client, **values):
    return await client.patch("/api/v1/dashboard", json=values)


async def test_what_is_kept_is_changed_part_by_part(client):
    assert (await client.get("/api/v1/dashboard")).json() == {"positions": {}, "views": []}
    await change(client, positions={"1001": [1, 2.5], "1002": [3, 4]})
    await change(client, save_view={"name": "hot", "query": ""})
    await change(client, save_view={"name": "cold", "query": "sort=-heap"})
    await change(client, drop_view="hot")
    answer = await change(client, positions={"1002": None})
    assert answer.status_code == 200
    kept = {"positions": {"1001": [1, 2.5]}, "views": [{"name": "cold", "query": "sort=-heap"}]}
    assert answer.json() == kept
    assert (await client.get("/api/v1/dashboard")).json() == kept
    assert (await change(client, clear_positions=True)).json()["positions"] == {}


@pytest.mark.parametrize(
    "values",
    [
        {"positions": {"1001": [1]}},
        {"positions": {"1001": [1, 2, 3]}},
        {"positions": {"1001": ["1", 2]}},
        {"positions": {"1001": [1, 1e6]}},
        {"positions": [1]},
        {"save_view": {"name": "", "query": ""}},
        {"save_view": {"name": "x" * 61, "query": ""}},
        {"save_view": {"name": "x", "query": "y" * 1001}},
        {"save_view": {"name": "x", "query": "", "more": 1}},
        {"save_view": [{"name": "x", "query": ""}]},
        {"drop_view": ""},
        {"drop_view": None},
        {"views": []},
        {"more": 1},
    ],
)
async def test_what_cannot_be_kept_is_refused(client, service, values):
    answer = await change(client, **values)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"]
    assert service.kept.positions == {}


async def test_a_viewer_looks_and_changes_nothing(service):
    app, _ = fake_app(service)
    async with client_of(app) as client:
        headers = bearer(service.secret("viewer"))
        for path in ("/api/v1/dashboard", "/api/v1/nodes/1001/packages"):
            assert (await client.get(path, headers=headers)).status_code == 200
        assert (await client.patch("/api/v1/dashboard", json={}, headers=headers)).status_code == 403
        for path in ("alert-rules/try", "firmware/check", "nodes/1001/ping"):
            assert (await client.post(f"/api/v1/{path}", headers=headers)).status_code == 403
