"""What all routes share: problem documents, ETags, idempotency, pages, and the library's uploads."""

import asyncio
import json

import pytest

from meshward import errors
from meshward.rollout.states import Action
from tests.support.fake_service import FakeService
from tests.support.web import bearer, client_of, fake_app, until

IMAGE = b"\xe9" + bytes(1000)


@pytest.fixture
def service():
    return FakeService()


@pytest.fixture
async def client(service):
    app, _ = fake_app(service, upload_bytes=100_000)
    async with client_of(app, service.secret("admin")) as made:
        yield made


def is_problem(answer, status, *fields):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "errors"}
    assert document["status"] == status
    assert document["detail"]
    assert [error["field"] for error in document["errors"]] == list(fields)
    return document["detail"]


async def rollout_spec(client, **fields):
    sha256 = (await client.post("/api/v1/firmware", content=IMAGE)).json()["sha256"]
    return {"name": "trial", "images": [sha256], "target": {"roles": ["sensor"]}, **fields}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "fields"),
    [
        ("GET", "/api/v1/nothing", {}, 404, []),
        ("GET", "/nothing", {}, 404, []),
        ("GET", "/api/v1/nodes/9", {}, 404, []),
        ("GET", "/api/v1/nodes/x", {}, 404, []),
        ("GET", "/api/v1/nodes/0", {}, 400, ["node_id"]),
        ("GET", f"/api/v1/nodes/{'9' * 4000}", {}, 400, ["node_id"]),
        ("PUT", "/api/v1/nodes", {}, 405, []),
        ("GET", "/api/v1/nodes?limit=0&online=maybe", {}, 400, ["online", "limit"]),
        ("GET", "/api/v1/nodes?onlin=true", {}, 400, ["onlin"]),
        ("GET", "/api/v1/nodes?sort=shoe_size", {}, 400, ["sort"]),
        ("GET", "/api/v1/nodes?cursor=abc", {}, 400, ["cursor"]),
        ("GET", "/api/v1/events?cursor=1&after=2", {}, 400, ["after"]),
        ("GET", f"/api/v1/events?after={2**63}", {}, 400, ["after"]),
        ("GET", "/api/v1/firmware/xyz", {}, 400, ["sha256"]),
        ("GET", "/api/v1/firmware/abcdef", {}, 404, []),
        ("GET", "/api/v1/rollouts/..%2f..%2fetc", {}, 404, []),
        ("GET", "/api/v1/stream", {}, 405, []),
        ("PATCH", "/api/v1/nodes/1001", {"json": {"name": 5}}, 400, ["name"]),
        ("PATCH", "/api/v1/nodes/1001", {"json": {"excluded": "true"}}, 400, ["excluded"]),
        ("PATCH", "/api/v1/nodes/1001", {"json": {"names": "x"}}, 400, [""]),
        ("PATCH", "/api/v1/nodes/1001", {"json": {"tags": ["a", 1]}}, 400, ["tags[1]"]),
        ("PATCH", "/api/v1/nodes/1001", {"content": b"{"}, 400, []),
        ("PATCH", "/api/v1/nodes/1001", {"content": b'{"name": "\xff"}'}, 400, []),
        ("PATCH", "/api/v1/nodes/1001", {"content": b""}, 400, ["data"]),
        ("PATCH", "/api/v1/nodes/1001", {"data": {"name": "x"}}, 415, []),
        ("PATCH", "/api/v1/settings", {"json": {"updates_at_once": 99}}, 422, []),
        ("POST", "/api/v1/tokens", {"json": {"role": "king"}}, 400, ["role"]),
        ("POST", "/api/v1/tokens", {"json": {"role": "admin", "expires_in_s": 1e300}}, 422, ["expires_in_s"]),
        ("POST", "/api/v1/rollouts/r1/explode", {"json": {}}, 400, ["action"]),
        ("POST", "/api/v1/rollouts/r1/pause", {}, 404, []),
        ("POST", "/api/v1/firmware", {"content": b"no firmware"}, 422, []),
        ("POST", "/api/v1/firmware", {"files": {"file": IMAGE}}, 415, []),
        ("POST", "/api/v1/firmware", {"content": IMAGE, "headers": {"Content-Encoding": "gzip"}}, 415, []),
        ("PATCH", "/api/v1/settings", {"content": b"{}", "headers": {"Content-Encoding": "br"}}, 415, []),
        ("DELETE", "/api/v1/nodes/1001", {}, 409, []),
    ],
)
async def test_errors_are_problem_documents(client, method, path, sent, status, fields):
    is_problem(await client.request(method, path, **sent), status, *fields)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownItemError("x"), 404),
        (errors.NotPossibleError("x"), 409),
        (errors.ConflictError("x"), 409),
        (errors.RolloutError("x"), 422),
        (errors.FirmwareError("x"), 422),
        (errors.UpdateRefusedError("x"), 422),
        (errors.StoreFullError("x"), 507),
        (errors.StoreError("x"), 503),
        (errors.NoAnswerError(5, 1.0), 504),
    ],
)
async def test_errors_of_the_service(client, service, error, status):
    async def fail(*_arguments):
        raise error

    service.node = fail
    assert is_problem(await client.get("/api/v1/nodes/1001"), status) == str(error)


async def test_a_bug_says_nothing_of_itself(client, service, caplog):
    async def fail(*_arguments):
        raise RuntimeError("the password is hunter2")

    service.node = fail
    assert "hunter2" not in is_problem(await client.get("/api/v1/nodes/1001"), 500)
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("depth", [1_000, 100_000])
async def test_deep_json(client, depth):
    nested = b'{"name": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"
    answer = await client.patch("/api/v1/nodes/1001", content=nested)
    assert answer.status_code in {400, 413}


async def test_large_json(client):
    is_problem(await client.patch("/api/v1/nodes/1001", json={"name": "x" * 300_000}), 413)


async def test_every_answer_has_the_security_headers(client):
    for path in (
        "/api/v1/nodes",
        "/api/v1/nothing",
        "/api/docs",
        "/api/docs/docs.js",
        "/api/v1/openapi.json",
    ):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert ("default-src 'self'" if "docs" in path else "default-src 'none'") in policy
        assert "unsafe-inline" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_the_documentation_needs_nobody_else(client):
    page = await client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    assert "<script>" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "docs.js"):
        assert f"docs/{name}" in page.text
        assert (await client.get(f"/api/docs/{name}")).status_code == 200
    is_problem(await client.get("/api/docs/VERSION"), 404)
    is_problem(await client.get("/api/docs/..%2fapp.py"), 404)


async def test_the_documentation_can_be_switched_off():
    app, _ = fake_app(docs=False)
    async with client_of(app) as client:
        assert (await client.get("/api/docs")).status_code == 404
        assert (await client.get("/api/docs/docs.js")).status_code == 404


# ETags.


async def test_etag(client, service):
    for path in (
        "/api/v1/nodes",
        "/api/v1/nodes/1001",
        "/api/v1/topology",
        "/api/v1/settings",
        "/api/v1/rollouts",
    ):
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        weak = await client.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
        assert weak.status_code == 304
    before = await client.get("/api/v1/nodes")
    service.change(1)
    after = await client.get("/api/v1/nodes", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize(
    ("path", "change"), [("/api/v1/nodes/1001", {"name": "x"}), ("/api/v1/settings", {"probe_every_s": 30.0})]
)
async def test_if_match(client, path, change):
    etag = (await client.get(path)).headers["etag"]
    assert (await client.patch(path, json=change, headers={"If-Match": etag})).status_code == 200
    is_problem(await client.patch(path, json={}, headers={"If-Match": etag}), 412)
    assert (await client.patch(path, json={}, headers={"If-Match": "*"})).status_code == 200
    assert (await client.patch(path, json={})).status_code == 200


# Idempotency.


async def test_the_same_key_acts_once(client, service):
    spec = await rollout_spec(client)
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/api/v1/rollouts", json=spec, headers=headers)
    again = await client.post("/api/v1/rollouts", json=spec, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(service.rollouts_by_id) == 1
    is_problem(await client.post("/api/v1/rollouts", json={**spec, "name": "y"}, headers=headers), 409)
    other = await client.post("/api/v1/rollouts", json=spec, headers={"Idempotency-Key": "k2"})
    assert other.json()["id"] == "r2"


async def test_keys_belong_to_their_token(service):
    app, _ = fake_app(service)
    for name in ("one", "two"):
        async with client_of(app, service.secret("admin", name)) as client:
            headers = {"Idempotency-Key": "same"}
            answer = await client.patch("/api/v1/nodes/1001", json={"name": name}, headers=headers)
            assert answer.json()["name"] == name


async def test_deletes_and_actions_repeat_too(client):
    spec = await rollout_spec(client)
    await client.post("/api/v1/rollouts", json=spec)
    for method, path, status in [
        ("POST", "/api/v1/rollouts/r1/pause", 200),
        ("DELETE", "/api/v1/nodes/1005", 204),
        ("PATCH", "/api/v1/settings", 200),
    ]:
        sent = {"json": {}} if method != "DELETE" else {}
        headers = {"Idempotency-Key": path}
        first = await client.request(method, path, headers=headers, **sent)
        again = await client.request(method, path, headers=headers, **sent)
        assert (first.status_code, again.status_code) == (status, status)
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"


async def test_a_failure_is_not_remembered(client, service):
    headers = {"Idempotency-Key": "k"}
    assert (await client.delete("/api/v1/nodes/1001", headers=headers)).status_code == 409
    service.nodes_by_id[1001].online = False
    assert (await client.delete("/api/v1/nodes/1001", headers=headers)).status_code == 204


async def test_the_secret_of_a_token_is_kept_nowhere(client, service):
    headers = {"Idempotency-Key": "k"}
    first = await client.post("/api/v1/tokens", json={"role": "viewer"}, headers=headers)
    again = await client.post("/api/v1/tokens", json={"role": "viewer"}, headers=headers)
    assert first.headers["cache-control"] == "no-store"
    assert first.json()["token"].startswith("mw_")
    assert again.json() == {**first.json(), "token": ""}
    assert first.json()["token"] not in repr(service.remembered)


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é"])
async def test_odd_keys(client, key):
    headers = {"Idempotency-Key": key.encode("latin-1")}
    is_problem(await client.patch("/api/v1/settings", json={}, headers=headers), 400, "Idempotency-Key")


# Lists.


async def test_pages_cover_everything_once(client):
    seen, cursor = [], None
    while True:
        params = {"limit": 7, "sort": "hardware,-delay_ms", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/api/v1/nodes", params=params)).json()
        assert page["total"] == 20
        seen += [node["id"] for node in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == [1000 + n for n in range(1, 21)]


async def test_filters_and_sorting(client):
    async def ids(query):
        return [node["id"] - 1000 for node in (await client.get(f"/api/v1/nodes?{query}")).json()["items"]]

    assert await ids("online=false") == [5, 10, 15, 20]
    assert await ids("role=relay&hardware=ESP32") == [3, 9, 15]
    assert await ids("tag=roof&version=1.0&sort=-id") == [20, 16, 12, 8, 4]
    assert await ids("tag=roof&tag=cellar") == []
    assert await ids("q=NODE 2&sort=name") == [2, 20]
    assert await ids("q=1017") == [17]
    assert await ids("excluded=true") == []
    assert (await ids("sort=-delay_ms,id"))[-4:] == [5, 10, 15, 20]
    assert (await ids("sort=delay_ms"))[-4:] == [5, 10, 15, 20]


async def test_other_lists_have_cursors(client):
    spec = await rollout_spec(client)
    for _ in range(6):
        await client.post("/api/v1/rollouts", json=spec)
    for path in (
        "/api/v1/rollouts",
        "/api/v1/updates",
        "/api/v1/events",
        "/api/v1/audit",
        "/api/v1/attempts",
    ):
        first = (await client.get(path, params={"limit": 3})).json()
        second = (await client.get(path, params={"limit": 3, "cursor": first["next"]})).json()
        assert len(first["items"]) == len(second["items"]) == 3
        assert all(item not in first["items"] for item in second["items"])
    after = (await client.get("/api/v1/events", params={"after": 4})).json()
    assert [event["id"] for event in after["items"]] == [5, 6, 7]


async def test_a_rollout_from_plan_to_end(client):
    spec = await rollout_spec(client, approval=True)
    assert (await client.post("/api/v1/rollouts/plan", json=spec)).json()["waves"]
    made = (await client.post("/api/v1/rollouts", json=spec)).json()
    assert Action.APPROVE in made["actions"]
    path = f"/api/v1/rollouts/{made['id']}"
    assert (await client.post(f"{path}/approve")).json()["state"] == "scheduled"
    aborted = await client.post(f"{path}/abort", json={"reason": "enough"})
    assert (aborted.json()["state"], aborted.json()["reason"]) == ("aborted", "enough")
    assert "aborted" in is_problem(await client.post(f"{path}/resume"), 409)
    listed = (await client.get("/api/v1/rollouts?state=aborted&state=failed")).json()
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    pushed = await client.post("/api/v1/updates", json={"firmware": spec["images"][0], "role": "sensor"})
    assert pushed.status_code == 201


# Firmware.


async def test_upload(client, service):
    first = await client.post("/api/v1/firmware?notes=trial", content=IMAGE, headers={"X-Filename": "a.bin"})
    again = await client.post("/api/v1/firmware", content=IMAGE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    sha256 = first.json()["sha256"]
    assert (await client.get(f"/api/v1/firmware/{sha256[:8].upper()}")).json()["notes"] == "trial"
    noted = await client.patch(f"/api/v1/firmware/{sha256}", json={"notes": "good"})
    assert noted.json()["notes"] == "good"
    assert (await client.delete(f"/api/v1/firmware/{sha256}")).status_code == 204
    assert service.library == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/abs/olute.bin", "olute.bin"),
        ("C:\\boards\\v2.bin", "v2.bin"),
        ("a\x1b[2J\n.bin", "a\N{REPLACEMENT CHARACTER}[2J .bin"),
        ("größe.bin", "größe.bin"),
        ("", ""),
        ("..", None),
        ("x/", None),
        ("a/..", None),
    ],
)
async def test_path_names_as_file_names(client, given, kept):
    answer = await client.post("/api/v1/firmware", params={"name": given}, content=IMAGE)
    if kept is None:
        is_problem(answer, 400, "name")
    else:
        assert answer.json()["name"] == kept


async def test_an_upload_over_the_limit(client, service):
    is_problem(await client.post("/api/v1/firmware", content=IMAGE * 200), 413)

    async def endless():
        while True:
            yield IMAGE

    is_problem(await client.post("/api/v1/firmware", content=endless()), 413)
    assert service.taken_bytes <= 100_000


async def test_uploads_at_once_are_limited(service):
    app, _ = fake_app(service)
    go = asyncio.Event()

    async def waiting():
        yield b"\xe9"
        await go.wait()

    async with client_of(app, service.secret("operator")) as client:
        under_way = [
            asyncio.create_task(client.post("/api/v1/firmware", content=waiting())) for _ in range(4)
        ]
        await until(lambda: service.uploads_open == 4)
        is_problem(await client.post("/api/v1/firmware", content=IMAGE), 429)
        go.set()
        assert sorted([(await task).status_code for task in under_way]) == [200, 200, 200, 201]


async def test_openapi_names_every_route_and_refuses_unknown_keys(client):
    document = (await client.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "post" in document["paths"]["/api/v1/rollouts/{rollout_id}/{action}"]
    schemas = document["components"]["schemas"]
    assert schemas["RolloutSpec"]["additionalProperties"] is False
    text = json.dumps(document)
    assert "meshward.gateway" not in text
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in schemas
    post = document["paths"]["/api/v1/tokens"]["post"]
    assert post["security"] == [{"bearer": []}, {"session": []}]
    assert {"201", "400", "401", "403", "409", "422", "429"} <= set(post["responses"])


async def test_a_token_of_another_client_is_not_mixed_up(service):
    app, _ = fake_app(service)
    async with client_of(app) as client:
        viewer = await client.get("/api/v1/session", headers=bearer(service.secret("viewer", "ann")))
        admin = await client.get("/api/v1/session", headers=bearer(service.secret("admin", "bob")))
    assert viewer.json() == {"name": "ann", "role": "viewer", "csrf": None}
    assert admin.json()["name"] == "bob"


async def test_an_action_that_is_done_is_not_told_as_failed_where_the_key_cannot_be_kept(client, service):
    async def full(*_arguments):
        raise errors.StoreFullError("the disk is full")

    service.remember = full
    headers = {"Idempotency-Key": "k"}
    answer = await client.patch("/api/v1/nodes/1001", json={"name": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "x")


async def test_two_requests_under_one_key_at_the_same_time(client, service):
    go = asyncio.Event()
    patch = service.patch_settings

    async def slowly(*arguments):
        await go.wait()
        return await patch(*arguments)

    service.patch_settings = slowly
    sent = {"json": {"updates_paused": True}, "headers": {"Idempotency-Key": "k"}}
    first = asyncio.create_task(client.patch("/api/v1/settings", **sent))
    second = asyncio.create_task(client.patch("/api/v1/settings", **sent))
    done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
    is_problem(done.pop().result(), 409)
    go.set()
    assert sorted([(await first).status_code, (await second).status_code]) == [200, 409]
