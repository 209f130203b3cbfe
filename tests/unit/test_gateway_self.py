"""What the gateway says of itself, and the copy that it gives of all its data."""

import asyncio
import shutil
import threading
import time

import pytest

from meshward import __version__
from meshward.errors import NotPossibleError, StoreError, StoreFullError
from meshward.gateway import self_cases
from meshward.gateway.dashboard_views import ReceiverView
from meshward.gateway.service import Caller
from meshward.store.backup import restore
from meshward.store.layout import DATABASE, DISK_LOW_BYTES, FIRMWARE, TEMPORARY
from tests.support.gateway import APP, add, opened_service, take_no_writes

ADMIN = Caller("ada", "admin")


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path / "data") as service:
        yield service


async def actions(service):
    return [entry.action for entry in (await service.audit()).items]


async def test_about_tells_versions_sizes_and_libraries(service, tmp_path):
    await add(service)
    about = await service.about()
    assert about.version == __version__
    assert about.python.startswith("CPython 3.")
    assert about.system
    assert about.data == str(tmp_path / "data")
    assert about.database_bytes >= (tmp_path / "data" / DATABASE).stat().st_size
    assert about.firmware_bytes == len(APP)
    parts = {part.name: part for part in about.parts}
    assert parts["msgspec"].licence == "BSD-3-Clause"
    assert {"litestar", "uvicorn", "httpx"} <= parts.keys()
    assert "pytest" not in parts
    assert all(part.version and part.where == "gateway" for part in about.parts)
    assert all(len(part.licence) <= self_cases.LICENCE_CHARACTERS_MAX for part in about.parts)


async def test_an_extra_that_is_not_installed_and_a_program_run_from_its_source_do_no_harm(monkeypatch):
    monkeypatch.setattr(
        self_cases.metadata, "requires", lambda _name: ["none-such>=1 ; extra == 'x'", "rich"]
    )
    assert [part.name for part in self_cases._parts.__wrapped__()] == ["rich"]

    def unknown(name):
        raise self_cases.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(self_cases.metadata, "requires", unknown)
    assert self_cases._parts.__wrapped__() == ()


async def test_who_is_told_is_as_the_daemon_says(service):
    assert service.receivers() == []
    service.told = (ReceiverView(name="mail ops@mesh.example", kind="mail"),)
    assert [receiver.name for receiver in service.receivers()] == ["mail ops@mesh.example"]


async def test_a_backup_can_be_restored_is_audited_and_leaves_nothing(service, tmp_path):
    view, _ = await add(service)
    kept = tmp_path / "kept.tar.gz"
    async with service.backup(ADMIN) as path:
        assert path.is_relative_to(tmp_path / "data")
        shutil.copy(path, kept)
    assert not (tmp_path / "data" / TEMPORARY).exists()
    assert (await actions(service))[0] == "backup.download"
    restored = restore(kept, tmp_path / "other")
    assert restored.firmware_files == 1
    assert (tmp_path / "other" / FIRMWARE / f"{view.sha256}.bin").read_bytes() == APP
    async with opened_service(tmp_path / "other") as again:
        assert [firmware.sha256 for firmware in await again.firmware()] == [view.sha256]
        assert await actions(again) == ["firmware.add"]


async def test_there_is_one_backup_at_a_time(service):
    async with service.backup(ADMIN) as path:
        with pytest.raises(NotPossibleError, match="try again once it is done"):
            async with service.backup(ADMIN):
                pass
        assert path.exists()
    async with service.backup(ADMIN) as path:
        assert path.exists()


async def test_a_reader_that_breaks_off_leaves_nothing(service, tmp_path):
    with pytest.raises(ConnectionError):
        async with service.backup(ADMIN):
            raise ConnectionError
    assert not (tmp_path / "data" / TEMPORARY).exists()
    async with service.backup(ADMIN) as path:
        assert path.exists()


async def test_a_backup_that_cannot_be_noted_is_not_given(service, tmp_path):
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        async with service.backup(ADMIN):
            raise AssertionError("given")
    assert not (tmp_path / "data" / TEMPORARY).exists()
    await take_no_writes(service.database, taken=True)
    async with service.backup(ADMIN) as path:
        assert path.exists()


async def test_who_asks_meanwhile_is_answered(service, monkeypatch):
    go = threading.Event()
    inner = self_cases.backup

    def slow(*args, **options):
        assert go.wait(10)
        return inner(*args, **options)

    monkeypatch.setattr(self_cases, "backup", slow)

    async def made():
        async with service.backup(ADMIN) as path:
            return path.exists()

    making = asyncio.create_task(made())
    assert (await service.firmware()) == []
    assert not making.done()
    go.set()
    assert await making


async def test_a_backup_that_nobody_waits_for_any_more_is_given_up_before_another_begins(
    service, monkeypatch, tmp_path
):
    begun, ended = threading.Event(), threading.Event()

    def slow(data, target, *, force, given_up):
        begun.set()
        while not given_up():
            time.sleep(0.001)
        assert target.parent.exists(), "nothing is taken away from under it"
        ended.set()
        raise StoreError("given up")

    monkeypatch.setattr(self_cases, "backup", slow)

    async def made():
        async with service.backup(ADMIN):
            raise AssertionError("given")

    making = asyncio.create_task(made())
    await asyncio.to_thread(begun.wait, 10)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert ended.is_set()
    assert not (tmp_path / "data" / TEMPORARY).exists()
    monkeypatch.undo()
    async with service.backup(ADMIN) as path:
        assert path.exists()


async def test_a_backup_that_would_fill_the_disk_is_not_begun(service, monkeypatch, tmp_path):
    await add(service)
    about = await service.about()
    needed_bytes = 2 * (about.database_bytes + about.firmware_bytes) + DISK_LOW_BYTES
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(self_cases.shutil, "disk_usage", lambda _path: usage._replace(free=needed_bytes - 1))
    with pytest.raises(StoreFullError, match=f"needs {needed_bytes >> 20} MB .* 200 MB are free"):
        async with service.backup(ADMIN):
            raise AssertionError("given")
    assert not (tmp_path / "data" / TEMPORARY).exists()
    monkeypatch.setattr(
        self_cases.shutil, "disk_usage", lambda _path: usage._replace(free=needed_bytes + 10_000_000)
    )
    async with service.backup(ADMIN) as path:
        assert path.exists()


async def test_what_a_crash_left_of_a_backup_is_gone_at_the_next_start(tmp_path):
    left = tmp_path / "data" / TEMPORARY / ".meshward-x.tmp" / "archive"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    async with opened_service(tmp_path / "data"):
        assert not (tmp_path / "data" / TEMPORARY).exists()
