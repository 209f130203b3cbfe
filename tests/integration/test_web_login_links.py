"""Login links: a browser gets in by a code, once."""

import pytest

from meshward.web.auth import Auth
from meshward.web.options import WebOptions
from meshward.web.problems import Refusal
from meshward.web.sessions import CODE_S, COOKIE
from tests.support.fake_service import FakeService
from tests.support.web import bearer, client_of, fake_app

LINKS = "/api/v1/session/links"
SESSION = "/api/v1/session"


async def link(client, secret):
    answer = await client.post(LINKS, headers=bearer(secret))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def enter(app, code):
    """Another browser with this code."""
    async with client_of(app) as browser:
        return await browser.post(SESSION, json={"code": code})


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_a_browser_is_in_as_who_made_the_link(role):
    app, service = fake_app()
    async with client_of(app) as client:
        made = await link(client, service.secret(role, "ann"))
        assert made["path"] == f"#/login/{made['code']}"
        assert made["expires_in_s"] == CODE_S
        entered = await client.post(SESSION, json={"code": made["code"]})
        assert entered.status_code == 201
        assert (entered.json()["name"], entered.json()["role"]) == ("ann", role)
        headers = {"Cookie": f"{COOKIE}={entered.cookies[COOKIE]}"}
        assert (await client.get("/api/v1/nodes", headers=headers)).status_code == 200


async def test_a_link_is_good_once():
    app, service = fake_app()
    async with client_of(app) as client:
        made = await link(client, service.secret("viewer"))
    assert (await enter(app, made["code"])).status_code == 201
    again = await enter(app, made["code"])
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert "make a new one with `meshward dashboard`" in again.json()["detail"]


async def test_who_logs_in_again_leaves_no_session_behind():
    app, service = fake_app()
    async with client_of(app) as browser:
        first = await browser.post(SESSION, json={"token": service.secret("viewer")})
        wrong = await browser.post(SESSION, json={"token": "mw_wrong"})
        assert wrong.status_code == 401
        old = {"Cookie": f"{COOKIE}={first.cookies[COOKIE]}"}
        assert (await browser.get(SESSION)).status_code == 200
        assert (await browser.post(SESSION, json={"token": service.secret("admin")})).status_code == 201
        assert (await browser.get(SESSION)).json()["role"] == "admin"
    async with client_of(app) as other:
        assert (await other.get(SESSION, headers=old)).status_code == 401


async def test_a_link_of_a_token_that_was_revoked_leads_nowhere():
    app, service = fake_app()
    secret = service.secret("admin")
    async with client_of(app) as client:
        made = await link(client, secret)
    service.revoke(secret)
    assert (await enter(app, made["code"])).status_code == 401


async def test_a_session_makes_links_too_and_ends_with_its_token():
    app, service = fake_app()
    secret = service.secret("operator")
    async with client_of(app) as client:
        csrf = (await client.post(SESSION, json={"token": secret})).json()["csrf"]
        assert (await client.post(LINKS)).status_code == 403
        made = (await client.post(LINKS, headers={"X-CSRF-Token": csrf})).json()
        other = await enter(app, made["code"])
        headers = {"Cookie": f"{COOKIE}={other.cookies[COOKIE]}"}
        assert (await client.get(SESSION, headers=headers)).json()["role"] == "operator"
        service.revoke(secret)
        assert (await client.get(SESSION, headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "mw_x", "code": "x"},
        {"code": None},
        {"code": ""},
        {"code": "x" * 201},
        {"code": 5},
        {"code": "x", "role": "admin"},
    ],
)
async def test_exactly_one_proof_is_taken(body):
    app, _ = fake_app()
    async with client_of(app) as client:
        assert (await client.post(SESSION, json=body)).status_code == 400


async def test_wrong_codes_slow_down_as_wrong_tokens_do():
    app, service = fake_app(failures_burst=3)
    async with client_of(app) as client:
        fresh = await link(client, service.secret("viewer"))
        statuses = [(await enter(app, f"wrong {number}")).status_code for number in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        refused = await enter(app, "wrong again")
        assert int(refused.headers["retry-after"]) >= 1
        # Nobody guesses a code, so a good one is taken from anybody.
        assert (await enter(app, fresh["code"])).status_code == 201
        assert (await client.get("/api/v1/nodes", headers=bearer("mw_wrong"))).status_code == 429


async def test_a_foreign_page_cannot_use_a_code():
    app, service = fake_app()
    async with client_of(app) as client:
        made = await link(client, service.secret("viewer"))
        answer = await client.post(
            SESSION, json={"code": made["code"]}, headers={"Origin": "https://elsewhere.example"}
        )
        assert answer.status_code == 403
        assert (await client.post(SESSION, json={"code": made["code"]})).status_code == 201


async def test_no_code_reaches_a_log(caplog):
    app, service = fake_app()
    caplog.set_level("DEBUG", "meshward")
    async with client_of(app) as client:
        made = await link(client, service.secret("viewer"))
    await enter(app, made["code"])
    await enter(app, made["code"])
    assert made["code"] not in caplog.text


async def test_a_link_is_good_for_five_minutes():
    now = [0.0]
    service = FakeService()
    auth = Auth(service, WebOptions(), lambda: now[0])
    secret = service.secret("viewer")
    in_time, late = auth.codes.make(secret), auth.codes.make(secret)
    now[0] = 300.0
    assert (await auth.redeem(in_time, "1.2.3.4"))[1] == secret
    now[0] = 301.0
    with pytest.raises(Refusal, match="too old") as refused:
        await auth.redeem(late, "1.2.3.4")
    assert refused.value.status_code == 401
