"""The dashboard as a real daemon serves it: page, files, login by a link, and the backup."""

import gzip
import json
import re

import httpx
import pytest

from tests.integration.fleets import next_port
from tests.integration.gateways import run_meshward, running_daemon


@pytest.fixture
async def daemon(tmp_path):
    webhook = "http://hooks.example/secret-path"
    async with running_daemon(
        tmp_path / "data", f"127.0.0.1:{next_port()}", MESHWARD_ALERTS_WEBHOOKS=webhook
    ) as daemon:
        yield daemon


def browser(daemon):
    """Knows nothing but the address."""
    return httpx.AsyncClient(base_url=daemon.endpoint()["url"], timeout=20, trust_env=False)


async def test_the_page_and_all_that_it_names_are_there(daemon):
    async with browser(daemon) as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert page.headers["content-encoding"] == "gzip"
        assert "unsafe-inline" not in page.headers["content-security-policy"]
        assert re.search(r"script-src 'self' 'sha256-[^']+';", page.headers["content-security-policy"])
        modules = json.loads(re.search(r'<script type="importmap">(.*?)</script>', page.text, re.DOTALL)[1])
        for path in [*modules["imports"].values(), *re.findall(r'(?:src|href)="([^"]+)"', page.text)]:
            assert not path.startswith("/"), "would break below the path of a proxy"
            assert "://" not in path
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].split(";")[0] in {
                *("text/javascript", "text/css", "image/svg+xml", "application/manifest+json"),
            }
            known = {"If-None-Match": answer.headers["etag"]}
            again = await client.get(path, headers=known)
            assert (again.status_code, again.content) == (304, b""), path


async def test_a_link_of_the_command_line_lets_one_browser_in(daemon):
    status, output, errors = await run_meshward("dashboard", "--print", "--data", daemon.data)
    assert (status, errors) == (0, "")
    url, words = output.splitlines()
    assert "5 minutes" in words
    base, code = url.split("/#/login/")
    assert base == daemon.endpoint()["url"]
    async with browser(daemon) as one, browser(daemon) as two:
        assert (await one.get("/api/v1/nodes")).status_code == 401
        entered = await one.post("/api/v1/session", json={"code": code}, headers={"Origin": base})
        assert (entered.status_code, entered.json()["role"]) == (201, "admin")
        assert (await one.get("/api/v1/nodes")).status_code == 200
        assert (await two.post("/api/v1/session", json={"code": code})).status_code == 401
        receivers = (await one.get("/api/v1/receivers")).json()
        assert [receiver["kind"] for receiver in receivers] == ["webhook"]
        assert "secret-path" not in str(receivers)
        about = (await one.get("/api/v1/about")).json()
        assert about["data"] == str(daemon.data)
        assert {part["where"] for part in about["parts"]} == {"gateway", "browser"}
    said = daemon.log.read_text()
    assert code not in said
    assert f"meshward dashboard --data {daemon.data}" in said


async def test_a_downloaded_backup_can_be_restored(daemon, tmp_path):
    async with daemon.api() as client:
        made = await client.post("/tokens", json={"role": "viewer", "name": "hall"})
        assert made.status_code == 201
        answer = await client.get("/backup")
        assert answer.status_code == 200, answer.text
        assert "content-encoding" not in answer.headers
        assert gzip.decompress(answer.content)
        audit = (await client.get("/audit")).json()["items"]
        assert audit[0]["action"] == "backup.download"
    assert not (daemon.data / "tmp").exists()
    file = tmp_path / "kept.tar.gz"
    file.write_bytes(answer.content)
    status, output, errors = await run_meshward("restore", file, "--data", tmp_path / "other")
    assert status == 0, errors + output
    status, output, _ = await run_meshward("token", "list", "--data", tmp_path / "other")
    assert status == 0
    assert "hall" in output
