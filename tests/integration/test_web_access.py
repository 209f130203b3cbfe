"""Every route of the API with every kind of caller, against the one table."""

import pytest

from meshward.web.access import ACCESS, SITE, WEBSOCKET, may
from meshward.web.gate import routes_of
from meshward.web.sessions import COOKIE
from tests.support.web import BASE, bearer, client_of, fake_app, open_stream

FOREIGN = "https://elsewhere.example"
ROUTES = sorted(ACCESS)
FILLED = {
    "{node_id}": "1001",
    "{sha256}": "abcdef",
    "{rollout_id}": "r1",
    "{action}": "pause",
    "{update_id}": "u1",
    "{token_id}": "t99",
    "{name}": "docs.js",
    "{path}": "vendor/preact/preact.mjs",
    "{alert_id}": "a3",
    "{silence_id}": "s1",
    "{rule_name}": "low_heap",
}
SAFE = {"GET", "HEAD", WEBSOCKET}


def path_of(template):
    for name, value in FILLED.items():
        template = template.replace(name, value)
    return template


async def ask(app, method, template, headers):
    """The status; whatever comes after the gate is neither 401 nor 403 here."""
    if method == WEBSOCKET:
        return await open_stream(app, headers)
    async with client_of(app) as client:
        answer = await client.request(method, path_of(template), headers=headers)
        assert answer.status_code < 500 or answer.status_code == 503
        return answer.status_code


async def log_in(app, secret):
    async with client_of(app) as client:
        answer = await client.post("/api/v1/session", json={"token": secret})
        assert answer.status_code == 201
        return {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}, answer.json()["csrf"]


def test_every_route_is_in_the_table_and_the_other_way_round():
    app, _ = fake_app()
    assert sorted({(method, template) for method, template, _ in routes_of(app)}) == ROUTES


@pytest.mark.parametrize(("method", "template"), ROUTES)
async def test_roles(method, template):
    needed = ACCESS[method, template]
    app, service = fake_app(failures_burst=1000)
    assert (await ask(app, method, template, {}) == 401) == (needed is not None)
    for role in ("viewer", "operator", "admin"):
        status = await ask(app, method, template, bearer(service.secret(role)))
        assert status != 401, role
        assert (status == 403) == (needed is not None and not may(role, needed)), role


@pytest.mark.parametrize(("method", "template"), [route for route in ROUTES if route[1] not in SITE])
async def test_a_revoked_or_unknown_token_is_refused_everywhere(method, template):
    app, service = fake_app(failures_burst=1000)
    secret = service.secret("admin")
    assert await ask(app, method, template, bearer(secret)) != 401
    service.revoke(secret)
    assert await ask(app, method, template, bearer(secret)) == 401
    assert await ask(app, method, template, bearer("mw_never")) == 401
    assert await ask(app, method, template, {"Authorization": "Basic YTpi"}) == 401


@pytest.mark.parametrize(("method", "template"), [route for route in ROUTES if ACCESS[route] is not None])
async def test_sessions(method, template):
    app, service = fake_app()
    cookie, csrf = await log_in(app, service.secret("admin"))
    unsafe = method not in SAFE
    kept_from_pages = unsafe or method == WEBSOCKET or template == "/api/v1/backup"
    with_csrf = {**cookie, "X-CSRF-Token": csrf}
    cases = [
        ("without CSRF", cookie, unsafe or method == WEBSOCKET),
        ("with a wrong one", {**cookie, "X-CSRF-Token": "x", "Origin": BASE}, unsafe),
        ("from a foreign page", {**with_csrf, "Origin": FOREIGN}, kept_from_pages),
        ("across sites", {**with_csrf, "Sec-Fetch-Site": "cross-site"}, kept_from_pages),
        ("from our own page", {**with_csrf, "Origin": BASE, "Sec-Fetch-Site": "same-origin"}, False),
    ]
    if (method, template) == ("DELETE", "/api/v1/session"):
        cases.append(("after logging out", cookie, None))
    for name, headers, refused in cases:
        status = await ask(app, method, template, headers)
        assert (status == 401) if refused is None else ((status == 403) == refused), (name, status)


async def test_a_session_dies_with_its_token_and_at_logout():
    app, service = fake_app()
    secret = service.secret("viewer")
    cookie, _ = await log_in(app, secret)
    other, csrf = await log_in(app, secret)
    async with client_of(app) as client:
        assert (await client.get("/api/v1/session", headers=cookie)).json()["role"] == "viewer"
        ended = await client.delete("/api/v1/session", headers={**other, "X-CSRF-Token": csrf})
        assert ended.status_code == 204
        assert f'{COOKIE}="null"' in ended.headers["set-cookie"] or "Max-Age=0" in ended.headers["set-cookie"]
        assert (await client.get("/api/v1/nodes", headers=other)).status_code == 401
        service.revoke(secret)
        assert (await client.get("/api/v1/nodes", headers=cookie)).status_code == 401


async def test_the_cookie_is_kept_from_scripts_and_other_sites():
    app, service = fake_app(root_path="/mesh", https=True)
    async with client_of(app) as client:
        answer = await client.post("/api/v1/session", json={"token": service.secret("viewer")})
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "secure", "path=/mesh"):
        assert part in cookie
    assert "max-age" not in cookie


async def test_gateways_on_one_host_do_not_take_each_others_cookie():
    (one, service), (other, _) = fake_app(cookie="session_1"), fake_app(cookie="session_2")
    secret = service.secret("viewer")
    async with client_of(one) as client:
        answer = await client.post("/api/v1/session", json={"token": secret})
        assert (await client.get("/api/v1/session")).status_code == 200
        csrf = {"X-CSRF-Token": answer.json()["csrf"]}
        document = (await client.get("/api/v1/openapi.json")).json()
        assert document["components"]["securitySchemes"]["session"]["name"] == "session_1"
        ended = await client.delete("/api/v1/session", headers=csrf)
        assert ended.headers["set-cookie"].startswith("session_1=")
    sent = {"Cookie": f"session_2=x; session_1={answer.cookies['session_1']}"}
    async with client_of(other) as client:
        assert (await client.get("/api/v1/session", headers=sent)).status_code == 401


async def test_an_allowed_origin_may_use_the_session_and_is_told_so():
    app, service = fake_app(allowed_origins=(FOREIGN,))
    cookie, csrf = await log_in(app, service.secret("admin"))
    headers = {**cookie, "X-CSRF-Token": csrf, "Origin": FOREIGN}
    async with client_of(app) as client:
        answer = await client.patch("/api/v1/settings", json={}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == FOREIGN
    assert await open_stream(app, {**cookie, "Origin": FOREIGN}) == 101
    assert await open_stream(app, {**cookie, "Origin": "https://third.example"}) == 403


async def test_a_foreign_page_cannot_log_anybody_in():
    app, service = fake_app()
    async with client_of(app) as client:
        answer = await client.post(
            "/api/v1/session", json={"token": service.secret("viewer")}, headers={"Origin": FOREIGN}
        )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_token_in_a_url_is_refused_with_a_hint():
    app, service = fake_app()
    secret = service.secret("admin")
    async with client_of(app, secret) as client:
        for name in ("token", "access_token", "Token"):
            answer = await client.get("/api/v1/nodes", params={name: secret})
            assert answer.status_code == 400
            assert "Authorization" in answer.json()["detail"]
            assert secret not in answer.text
    assert await open_stream(app, {}, f"token={secret}") == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "localhost.evil.example", "", "[::"])
async def test_other_host_names_are_refused_on_loopback(host):
    app, service = fake_app()
    async with client_of(app, service.secret("admin")) as client:
        assert (await client.get("/api/v1/nodes", headers={"Host": host})).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:80", "LOCALHOST", "pi.lan:8080"])
async def test_our_own_host_names_are_not(host):
    app, service = fake_app(hosts=("pi.lan",))
    async with client_of(app, service.secret("admin")) as client:
        assert (await client.get("/api/v1/nodes", headers={"Host": host})).status_code == 200


async def test_the_local_token_is_an_admin_whom_no_guesser_locks_out():
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of "foo"
    app, service = fake_app(local_token_sha256=digest, failures_burst=3)
    known, fresh = service.secret("viewer"), service.secret("viewer")
    async with client_of(app) as client:
        assert (await client.get("/api/v1/nodes", headers=bearer(known))).status_code == 200
        statuses = [
            (await client.get("/api/v1/nodes", headers=bearer(f"mw_{n}"))).status_code for n in range(5)
        ]
        assert statuses == [401, 401, 401, 429, 429]
        refused = await client.get("/api/v1/nodes", headers=bearer(fresh))
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.post("/api/v1/session", json={"token": fresh})).status_code == 429
        assert (await client.get("/api/v1/nodes", headers=bearer(known))).status_code == 200
        answer = await client.patch("/api/v1/settings", json={}, headers=bearer("foo"))
        assert answer.status_code == 200
    assert service.calls[-1][1].name == "command line"


async def test_each_token_has_its_own_rate():
    app, service = fake_app(requests_per_s=0.001, requests_burst=3)
    one, two = service.secret("viewer"), service.secret("viewer")
    async with client_of(app) as client:
        statuses = [(await client.get("/api/v1/nodes", headers=bearer(one))).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert (await client.get("/api/v1/nodes", headers=bearer(two))).status_code == 200
        assert [(await client.get("/api/v1/health")).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_health_says_more_to_those_with_a_token():
    app, service = fake_app()
    async with client_of(app) as client:
        assert (await client.get("/api/v1/health")).json() == {"ok": True, "details": None}
        shown = (await client.get("/api/v1/health", headers=bearer(service.secret("viewer")))).json()
        assert shown["details"]["nodes_known"] == 20
        assert (await client.get("/api/v1/ready")).json() == {"ready": True}
        service.store_writable = False
        answer = await client.get("/api/v1/ready")
        assert answer.status_code == 503
        assert "store" in answer.json()["detail"]
