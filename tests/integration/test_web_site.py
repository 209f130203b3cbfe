"""The dashboard's page and files over HTTP: who gets them, how they are kept, and under which policy."""

import asyncio
import gzip
import json
import socket

import httpx
import pytest
from websockets.asyncio.client import connect

from meshward.web.sessions import COOKIE
from meshward.web.site_files import read_site
from tests.support.web import bearer, client_of, fake_app, served

FILE = "/ui/vendor/preact/preact.mjs"


@pytest.fixture
async def client():
    app, _ = fake_app()
    async with client_of(app) as made:
        yield made


async def test_the_page_and_its_files_need_nobody(client):
    page = await client.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.content == read_site().index.body
    file = await client.get(FILE)
    assert (file.status_code, file.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert (await client.get(FILE, headers=bearer("mw_never"))).status_code == 200


async def test_what_is_known_is_not_sent_again_under_the_same_policy(client):
    for path in ("/", FILE):
        first = await client.get(path)
        assert first.headers["cache-control"] == "no-cache"
        assert first.headers["etag"].startswith('"')
        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary", "content-security-policy"):
            assert again.headers.get_list(name) == first.headers.get_list(name)
        other = await client.get(path, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200


async def test_gzip_only_for_those_who_take_it():
    app, _ = fake_app()
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        tags = set()
        for accepted, packed in (
            ("gzip, deflate, br", True),
            ("br;q=1.0, GZIP;q=0.5", True),
            ("*", True),
            ("", False),
            ("br", False),
            ("gzip;q=0, br", False),
            ("*;q=0, gzip", True),
            ("*, gzip;q=0", False),
        ):
            async with client.stream("GET", FILE, headers={"Accept-Encoding": accepted}) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert (answer.headers.get("content-encoding") == "gzip") == packed, accepted
            assert answer.headers["vary"] == "Accept-Encoding"
            assert int(answer.headers["content-length"]) == len(raw)
            assert (gzip.decompress(raw) if packed else raw) == read_site().files[FILE[4:]].body
            tags.add(answer.headers["etag"])
        assert len(tags) == 2


async def test_head_tells_of_the_same_without_it():
    app, _ = fake_app()
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        for path in ("/", FILE):
            whole, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            for name in ("etag", "content-type", "content-length", "content-encoding", "cache-control"):
                assert head.headers.get(name) == whole.headers.get(name)
        assert (await client.head("/ui/none.js")).status_code == 404


async def test_the_policy_of_the_page(client):
    headers = (await client.get("/")).headers
    assert len(headers.get_list("content-security-policy")) == 1
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert "unsafe-inline" not in policy
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["permissions-policy"] == "camera=(), microphone=(), geolocation=()"
    assert headers["x-content-type-options"] == "nosniff"
    assert "'self'" not in (await client.get("/api/v1/health")).headers["content-security-policy"]
    assert "default-src 'self'" in (await client.get("/api/docs")).headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/ui",
        "/ui/",
        "/ui/none.js",
        "/ui/index.html",
        "/ui/../app.py",
        "/ui/..%2fapp.py",
        "/ui/%2e%2e/options.py",
        "/ui//etc/passwd",
        "/ui/vendor/preact/VERSION",
        "/ui/vendor/swagger-ui/swagger-ui.css",
        "/ui/%00",
        "/ui/vendor/../../headers.py",
        "/index.html",
        "/nothing",
    ],
)
async def test_there_is_nothing_else(client, path):
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_files_count_for_no_limit_but_the_host_is_looked_at():
    app, service = fake_app(requests_per_s=0.001, requests_burst=2)
    async with client_of(app) as client:
        assert {(await client.get(path)).status_code for path in ("/", FILE) * 10} == {200}
        assert (await client.get("/api/v1/health")).status_code == 200
        for path in ("/", FILE):
            assert (await client.get(path, headers={"Host": "evil.example"})).status_code == 421
        assert (await client.get("/?token=x")).status_code == 400
        assert (await client.get("/?from=mail")).status_code == 200
    assert service.calls == []


async def test_other_methods_are_not_possible(client):
    for method in ("POST", "PUT", "DELETE"):
        answer = await client.request(method, "/")
        assert answer.status_code == 405
        assert "GET" in answer.json()["detail"]


async def test_they_are_not_in_the_document(client):
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert all(path.startswith("/api/v1/") for path in paths)


async def test_a_developer_sees_a_change_at_once(monkeypatch):
    app, _ = fake_app(site_reload=True)
    reads = []

    def read():
        reads.append(1)
        return read_site()

    monkeypatch.setattr("meshward.web.routes.site.read_site", read)
    async with client_of(app) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get(FILE)).status_code == 200
    assert len(reads) == 2


@pytest.mark.parametrize("prefix", ["/mesh", "/house/mesh"])
async def test_below_the_path_of_a_proxy_that_leaves_it_or_takes_it_off(prefix):
    app, service = fake_app(root_path=prefix)
    secret = service.secret("viewer")
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        for before in ("", prefix):
            page = await client.get(f"{before}/")
            assert (page.status_code, page.content) == (200, read_site().index.body)
            assert (await client.get(f"{before}{FILE}")).status_code == 200
            nodes = await client.get(f"{before}/api/v1/nodes", headers=bearer(secret))
            assert nodes.status_code == 200
            assert (await client.get(f"{before}/nothing")).status_code == 404
        bare = await client.get(prefix)
        assert (bare.status_code, bare.headers["location"]) == (307, f"{prefix.rpartition('/')[2]}/")
        assert str((await client.get(prefix, follow_redirects=True)).url).endswith(f"{prefix}/")


async def test_a_browser_logs_in_and_follows_below_a_path_that_the_proxy_leaves():
    app, service = fake_app(root_path="/mesh")
    async with served(app) as (host, port):
        base = f"http://{host}:{port}"
        async with httpx.AsyncClient(base_url=f"{base}/mesh/") as browser:
            link = await browser.post("api/v1/session/links", headers=bearer(service.secret("viewer")))
            entered = await browser.post(
                "api/v1/session", json={"code": link.json()["code"]}, headers={"Origin": base}
            )
            assert entered.status_code == 201
            assert (await browser.get("api/v1/nodes")).status_code == 200
            sent = {"Cookie": f"{COOKIE}={entered.cookies[COOKIE]}", "Origin": base}
        uri = f"ws://{host}:{port}/mesh/api/v1/stream"
        async with asyncio.timeout(10), connect(uri, additional_headers=sent) as stream:
            await stream.send("{}")
            assert json.loads(await stream.recv())["type"] == "snapshot"


@pytest.mark.parametrize("prefix", ["/ui", "/api", "/api/v1"])
async def test_below_a_path_that_begins_as_ours_the_proxy_takes_it_off(prefix):
    app, service = fake_app(root_path=prefix)
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get(FILE)).status_code == 200
        headers = bearer(service.secret("viewer"))
        assert (await client.get("/api/v1/nodes", headers=headers)).status_code == 200


async def test_a_head_that_is_cut_off_harms_nobody():
    app, _ = fake_app()
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        with socket.create_connection((host, port)) as raw:
            raw.sendall(b"GET /ui/vendor/cytoscape/cytoscape.esm.min.mjs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.get("/")).status_code == 200
