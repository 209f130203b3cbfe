"""Firmware by its address: only from allowed hosts, only what the hash says, and nothing else is kept."""

import asyncio
import gzip
import hashlib
import tempfile
from pathlib import Path

import pytest

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.images import FETCHES_MAX, Images, Wanted, allowed_places
from meshward.errors import FirmwareError, SettingsError, StoreError, StoreFullError
from tests.support.fake_service import FakeService
from tests.support.gateway import APP, OPERATOR
from tests.support.image_server import image_server

LIMIT = 64 * 1024
SHA256 = hashlib.sha256(APP).hexdigest()
MD5 = hashlib.md5(APP).hexdigest()


@pytest.fixture
async def server():
    async with image_server() as server:
        yield server


class Kit:
    def __init__(self, server, folder, hosts=None, **options):
        self.service = FakeService(nodes=0)
        self.folder = folder / "fetch"
        self.images = Images(
            self.service, hosts or [server.host], options.pop("limit_bytes", LIMIT), self.folder, **options
        )

    async def have(self, url, sha256=SHA256, **more):
        return await self.images.have(Wanted(url, sha256, **more), OPERATOR, "job")

    async def refused(self, url, sha256=SHA256, **more):
        with pytest.raises(RequestRefusedError) as refused:
            await self.have(url, sha256, **more)
        assert not self.service.library
        assert not self.images.under_way
        assert not self.folder.exists() or not list(self.folder.iterdir())
        return refused.value.code, str(refused.value)


@pytest.fixture
def kit(server, tmp_path):
    return Kit(server, tmp_path)


async def test_a_file_comes_into_the_library(kit, server):
    found = await kit.have(server.serve("/builds/lamp%202.bin?x=1", APP))
    assert found.sha256 == SHA256
    assert found.name == "lamp 2.bin"
    assert not list(kit.folder.iterdir())


async def test_what_the_library_has_is_not_fetched(kit, server):
    url = server.serve("/lamp.bin", APP)
    await kit.have(url)
    await kit.have(url)
    await kit.have("http://nowhere.example/lamp.bin")
    await kit.images.have(Wanted(url, md5=MD5), OPERATOR)
    assert server.asked == ["/lamp.bin"]


async def test_two_that_want_the_same_file_at_once_fetch_it_once(kit, server):
    url = server.serve("/lamp.bin", APP)
    await asyncio.gather(kit.have(url), kit.have(url))
    assert server.asked == ["/lamp.bin"]


async def test_a_check_keeps_nothing(kit, server):
    kit.service.check_firmware = _check
    found = await kit.images.check(Wanted(server.serve("/lamp.bin", APP), SHA256))
    assert found == APP
    assert not kit.service.library


async def _check(chunks, *, name):
    return b"".join([chunk async for chunk in chunks])


async def test_another_file_than_the_hash_says_is_refused(kit, server):
    url = server.serve("/lamp.bin", APP[:-1] + b"\0")
    assert (await kit.refused(url))[0] == "wrong_hash"
    assert (await kit.refused(url, "", md5=MD5))[0] == "wrong_hash"
    assert (await kit.refused(url, hashlib.sha256(APP[:-1] + b"\0").hexdigest(), md5=MD5))[0] == "wrong_hash"


@pytest.mark.parametrize("told", [b"content-length: 999999999\r\n", b""], ids=["told", "not told"])
async def test_a_huge_file_is_refused_before_it_is_read(kit, server, told):
    url = server.raw("/huge.bin", b"HTTP/1.1 200 OK\r\n" + told + b"\r\n", *[b"\xe9" * LIMIT] * 3, hold=True)
    code, words = await kit.refused(url)
    assert code == "image_too_large"
    assert "mqtt.image_max" in words


async def test_a_file_of_just_the_limit_is_taken(server, tmp_path):
    kit = Kit(server, tmp_path, limit_bytes=len(APP))
    assert (await kit.have(server.serve("/lamp.bin", APP))).size_bytes == len(APP)


async def test_a_compressed_answer_is_refused(kit, server):
    bomb = gzip.compress(bytes(1_000_000))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    code, words = await kit.refused(server.raw("/bomb.bin", head + bomb))
    assert code == "fetch_failed"
    assert "compressed" in words


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/a.bin",
        "http://127.0.0.1/a.bin",
        "http://127.0.0.1:1/a.bin",
        "http://localhost:{port}/a.bin",
        "http://2130706433:{port}/a.bin",
        "http://0x7f.1:{port}/a.bin",
        "http://[::ffff:127.0.0.1]:{port}/a.bin",
        "http://127.0.0.1.:{port}/a.bin",
        "https://169.254.169.254/latest",
    ],
)
async def test_other_hosts_are_refused(kit, server, url):
    code, words = await kit.refused(url.format(port=server.port))
    assert code == "host_not_allowed"
    assert "mqtt.image_hosts" in words
    assert not server.asked


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://{host}/a",
        "//{host}/a",
        "{host}/a",
        "http:///a",
        "",
        "http://user@{host}/a",
        "http://user:secret@{host}/a",
        "http://@{host}/a",
        "http://{host}\\@other.example/a",
        "http://other.example\\@{host}/a",
        "http://{host}/a b",
        "http://{host}/a\r\nx: y",
        "http://{host}/\u202ea",
        "http://[::1/a",
        "http://{host}:99999999/a",
        "http://xn--/a",
        "http://xn--a.example/a",
    ],
)
async def test_what_is_no_plain_address_is_refused(kit, server, url):
    code, _ = await kit.refused(url.format(host=server.host))
    assert code == "invalid"
    assert not server.asked


async def test_port_0_is_no_usual_port(server, tmp_path):
    kit = Kit(server, tmp_path, hosts=["127.0.0.1"])
    code, words = await kit.refused("http://127.0.0.1:0/a.bin")
    assert (code, "127.0.0.1:0" in words) == ("host_not_allowed", True)


@pytest.mark.parametrize("host", ["010.0.0.5", "999.1.1.1", "[:::]", "xn--a"])
def test_a_host_that_is_none_is_told_with_its_key(host):
    with pytest.raises(SettingsError, match=r"^mqtt\.image_hosts: .*write it as"):
        allowed_places([host])


async def test_a_host_without_port_means_the_usual_ones(server, tmp_path):
    kit = Kit(server, tmp_path, hosts=["127.0.0.1", "[::1]:8000"])
    assert (await kit.refused(server.url("/a.bin")))[0] == "host_not_allowed"
    for url in ("http://127.0.0.1/a", "https://127.0.0.1:443/a", "https://127.0.0.1/", "http://[::1]:8000/a"):
        assert (await kit.refused(url))[0] == "fetch_failed"  # nobody listens there
    assert (await kit.refused("http://[::1]/a"))[0] == "host_not_allowed"


async def test_a_full_disk_is_told_whenever_it_is_noticed(kit, server, monkeypatch):
    real = tempfile.TemporaryFile

    def full(**options):
        file = Path("/dev/full").open("r+b", buffering=options.get("buffering", -1))  # noqa: SIM115
        return file if options.get("dir") == kit.folder else real(**options)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StoreFullError):
        await kit.have(server.serve("/small.bin", APP[:100]), hashlib.sha256(APP[:100]).hexdigest())
    with pytest.raises(StoreFullError):
        await kit.have(server.serve("/lamp.bin", APP))
    assert not kit.images.under_way


async def test_a_redirect_elsewhere_is_refused(kit, server):
    async with image_server() as other:
        url = server.redirect("/a.bin", other.serve("/a.bin", APP))
        code, words = await kit.refused(url)
        assert code == "redirect"
        assert f"{other.port}" in words
        assert not other.asked


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://u:p@{host}/b.bin", "http://[/"])
async def test_a_redirect_to_what_is_no_address_is_refused(kit, server, location):
    url = server.redirect("/a.bin", location.format(host=server.host))
    assert (await kit.refused(url))[0] == "redirect"


async def test_a_redirect_to_what_cannot_be_a_name_is_refused(kit, server):
    assert (await kit.refused(server.redirect("/a.bin", "http://xn--/")))[0] == "fetch_failed"


async def test_redirects_within_allowed_hosts_are_followed_a_few_times(kit, server):
    server.serve("/files/lamp.bin", APP)
    url = server.redirect("/latest", "files/lamp.bin")
    assert (await kit.have(url)).sha256 == SHA256
    assert (await Kit(server, kit.folder).refused(server.redirect("/round", "/round")))[0] == "redirect"
    assert server.asked.count("/round") <= 5


async def test_errors_of_the_server_are_told(kit, server):
    code, words = await kit.refused(server.url("/gone.bin"))
    assert code == "fetch_failed"
    assert "404" in words
    assert (await kit.refused(server.raw("/rude.bin", b"\0\xff" * 100)))[0] == "fetch_failed"
    short = server.raw("/short.bin", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\xe9")
    assert (await kit.refused(short))[0] == "fetch_failed"


@pytest.mark.parametrize(
    "pieces", [[], [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\xe9"]], ids=["mute", "slow"]
)
async def test_a_server_that_never_ends_is_given_up(server, tmp_path, pieces):
    kit = Kit(server, tmp_path, fetch_s=5.0, step_s=0.05)
    assert (await kit.refused(server.raw("/slow.bin", *pieces, hold=True)))[0] == "fetch_timeout"
    kit = Kit(server, tmp_path, fetch_s=0.05, step_s=5.0)
    assert (await kit.refused(server.raw("/slow.bin", *pieces, hold=True)))[0] == "fetch_timeout"


async def test_how_far_it_is_can_be_told(kit, server):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def answer(writer):
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(APP)}\r\n\r\n".encode() + APP[:9000])
        await writer.drain()
        reached.set()
        await go_on.wait()
        writer.write(APP[9000:])

    having = asyncio.create_task(kit.have(server.serve("/lamp.bin", answer)))
    await reached.wait()
    (fetch,) = kit.images.under_way
    async with asyncio.timeout(5):
        while fetch.size_bytes is None:  # noqa: ASYNC110 moves in the client's own time
            await asyncio.sleep(0.01)
    assert (fetch.job, fetch.size_bytes) == ("job", len(APP))
    go_on.set()
    await having
    assert not kit.images.under_way


async def test_only_a_few_are_fetched_at_once(kit, server):
    url = server.raw("/slow.bin", hold=True)
    tasks = [asyncio.create_task(kit.have(url, f"{number:064x}")) for number in range(FETCHES_MAX)]
    async with asyncio.timeout(5):
        while len(kit.images.under_way) < FETCHES_MAX:  # noqa: ASYNC110 as above
            await asyncio.sleep(0.01)
    with pytest.raises(RequestRefusedError) as refused:
        await kit.have(url)
    assert refused.value.code == "busy"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not kit.images.under_way


async def test_what_is_no_firmware_is_refused_by_the_library(kit, server):
    with pytest.raises(FirmwareError, match="0xE9"):
        await kit.have(server.serve("/page.html", b"<html>"), hashlib.sha256(b"<html>").hexdigest())
    assert not kit.service.library


async def test_nothing_of_us_but_our_name_is_told(kit, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    await kit.have(server.serve("/lamp.bin", APP))
    (head,) = server.headers
    names = {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}
    assert names <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


async def test_a_directory_that_cannot_be_made_is_told(server, tmp_path):
    (tmp_path / "fetch").write_text("in the way")
    kit = Kit(server, tmp_path)
    with pytest.raises(StoreError):
        await kit.have(server.serve("/lamp.bin", APP))
