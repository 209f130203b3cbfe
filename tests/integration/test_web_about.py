"""About, receivers, and the backup as a download."""

import asyncio
import io
import re
import tarfile

import httpx
import pytest

from meshward import errors
from tests.support.fake_service import FakeService
from tests.support.web import BASE, bearer, client_of, fake_app, served, until

BACKUP = "/api/v1/backup"


@pytest.fixture
def service():
    return FakeService()


@pytest.fixture
async def client(service):
    app, _ = fake_app(service)
    async with client_of(app, service.secret("admin")) as made:
        yield made


async def test_about_lists_the_libraries_of_gateway_and_browser(client):
    about = (await client.get("/api/v1/about")).json()
    assert (about["version"], about["data"], about["database_bytes"]) == ("0", "/data", 1000)
    by_place = {(part["where"], part["name"]) for part in about["parts"]}
    assert {("gateway", "msgspec"), ("browser", "preact"), ("browser", "swagger-ui-dist")} <= by_place
    again = (await client.get("/api/v1/about")).json()
    assert again == about


async def test_viewers_are_told_nothing_of_the_machine(client, service):
    for role, system, data in (("viewer", "", ""), ("operator", "Linux", "/data")):
        about = (await client.get("/api/v1/about", headers=bearer(service.secret(role)))).json()
        assert (about["system"], about["data"], about["version"]) == (system, data, "0")
        assert len(about["parts"]) > 3


async def test_receivers_are_names_and_kinds(client):
    shown = (await client.get("/api/v1/receivers")).json()
    assert shown == [{"name": "webhook hooks.example", "kind": "webhook"}]


async def test_a_backup_is_a_file_to_keep(client, service):
    answer = await client.get(BACKUP)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/gzip"
    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="meshward-backup-\d{8}-\d{4}\.tar\.gz"', disposition)
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert archive.getnames() == ["content"]
    assert not service.backups[0].exists()
    assert service.calls[-1][0] == "backup.download"


async def test_while_one_is_downloaded_another_is_refused_and_nothing_is_left(service):
    service.backup_bytes = 50_000_000
    app, _ = fake_app(service)
    headers = bearer(service.secret("admin"))
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        async with client.stream("GET", BACKUP, headers=headers) as answer:
            assert answer.status_code == 200
            assert service.backups[0].exists()
            second = await client.get(BACKUP, headers=headers)
            assert second.status_code == 409
            assert "a backup is being made already" in second.json()["detail"]
        # It went away in the middle.
        await until(lambda: not service.is_backing_up)
        assert not service.backups[0].exists()
        service.backup_bytes = 100
        assert (await client.get(BACKUP, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [(errors.StoreFullError("the disk is full"), 507), (errors.StoreError("damaged"), 503)],
)
async def test_a_backup_that_cannot_be_made_is_told(client, service, error, status):
    class Broken:
        async def __aenter__(self):
            raise error

        async def __aexit__(self, *_error):
            raise AssertionError("never entered")

    service.backup = lambda caller: Broken()
    answer = await client.get(BACKUP)
    assert answer.status_code == status
    assert answer.json()["detail"] == str(error)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": BASE}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_a_foreign_page_has_no_backup_made(service, headers, status):
    app, _ = fake_app(service)
    secret = service.secret("admin")
    async with client_of(app) as browser:
        await browser.post("/api/v1/session", json={"token": secret})
        assert (await browser.get(BACKUP, headers=headers)).status_code == status
        assert len(service.backups) == (status == 200)
    async with client_of(app, secret) as program:
        assert (await program.get(BACKUP, headers=headers)).status_code == 200


async def test_who_is_gone_before_the_first_byte_is_sent_nothing(service):
    app, _ = fake_app(service)
    entered = asyncio.Event()
    inner = service.backup

    def slow(caller):
        entered.set()
        return inner(caller)

    service.backup = slow
    service.backup_bytes = 20_000_000
    async with served(app) as (host, port):
        async with asyncio.timeout(10):
            _reader, writer = await asyncio.open_connection(host, port)
            head = f"GET {BACKUP} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.secret('admin')}\r\n\r\n"
            writer.write(head.encode())
            await entered.wait()
            writer.transport.abort()
        await until(lambda: bool(service.backups) and not service.is_backing_up)
        assert not service.backups[0].exists()


async def test_the_document_says_that_it_is_a_file(client):
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    responses = paths[BACKUP]["get"]["responses"]
    assert list(responses["200"]["content"]) == ["application/gzip"]
    assert "304" not in responses
    assert "Idempotency-Key" not in str(paths["/api/v1/session/links"]["post"]["parameters"])
