"""The database of a daemon: one writer, readers beside it, full and broken disks."""

import asyncio
import errno
import sqlite3
import threading
from contextlib import closing

import pytest

from meshward.errors import ConflictError, StoreError, StoreFullError
from meshward.store import audit, events, failures, settings
from meshward.store.connection import make_directory, open_connection, open_read_only
from meshward.store.database import Database
from tests.support.store import NOW_S


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "meshward.db"


def add(connection, text="b", **values):
    return events.add(connection, NOW_S, "a", text, **values)


def count(connection):
    return events.page(connection).total


def limit_pages(connection, more):
    """Let the database grow by so many pages and no further, as a full disk would."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + more}")


async def test_what_is_written_is_there_when_it_is_opened_again(path):
    async with Database(path) as database:
        event = await database.write(add, "hello", severity="error")
        assert await database.read(count) == 1
        assert database.writable
    async with Database(path) as database:
        assert (await database.read(events.page)).items == [event]
    assert [item.name for item in path.parent.iterdir()] == ["meshward.db"]


async def test_only_the_owner_can_read_it(path):
    async with Database(path) as database:
        await database.write(add)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        modes = {item.name: item.stat().st_mode & 0o777 for item in path.parent.iterdir()}
    assert modes == {"meshward.db": 0o600, "meshward.db-wal": 0o600, "meshward.db-shm": 0o600}


def test_a_directory_that_holds_something_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    make_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    (tmp_path / "something").touch()
    tmp_path.chmod(0o755)
    make_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


async def test_a_write_that_fails_leaves_nothing_behind(path):
    def half(connection):
        add(connection)
        raise ConflictError("no")

    async with Database(path) as database:
        with pytest.raises(ConflictError):
            await database.write(half)
        assert database.writable
        assert await database.read(count) == 0
        assert (await database.write(add)).id == 1


async def test_wrong_sql_is_a_bug_and_no_trouble_with_the_disk(path):
    async with Database(path) as database:
        with pytest.raises(sqlite3.OperationalError):
            await database.write(lambda connection: connection.execute("SELECT nonsense"))
        assert database.writable


async def test_the_reader_cannot_write(path):
    async with Database(path) as database:
        with pytest.raises(StoreError, match="read-only"):
            await database.read(add)
        assert database.writable
        assert await database.read(count) == 0


async def test_writes_happen_in_the_order_in_which_they_were_asked_for(path):
    async with Database(path) as database:
        found = await asyncio.gather(*(database.write(add, str(number)) for number in range(50)))
        assert [int(event.text) + 1 for event in found] == [event.id for event in found]


async def test_reads_do_not_wait_for_a_write_and_see_none_of_it(path):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        add(connection)
        begun.set()
        assert go_on.wait(30)
        add(connection)

    async with Database(path) as database:
        await database.write(add)
        writing = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(begun.wait, 30)
        assert [await database.read(count) for _ in range(3)] == [1, 1, 1]
        assert not writing.done()
        go_on.set()
        await writing
        assert await database.read(count) == 3


async def test_reads_do_not_wait_for_a_long_one(path):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        assert go_on.wait(30)
        return count(connection)

    async with Database(path) as database:
        await database.write(add)
        looking = asyncio.create_task(database.read_long(slow))
        await asyncio.to_thread(begun.wait, 30)
        assert [await database.read(count) for _ in range(3)] == [1, 1, 1]
        assert not looking.done()
        go_on.set()
        assert await looking == 1
        with pytest.raises(StoreError, match="read-only"):
            await database.read_long(add)
    with pytest.raises(StoreError, match="not open"):
        await database.read_long(count)


async def test_a_read_sees_one_moment(path):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        before = count(connection)
        begun.set()
        assert go_on.wait(30)
        return before, count(connection)

    async with Database(path) as database:
        reading = asyncio.create_task(database.read(slow))
        await asyncio.to_thread(begun.wait, 30)
        await database.write(add)
        go_on.set()
        assert await reading == (0, 0)
        assert await database.read(count) == 1


async def test_a_write_goes_on_when_nobody_waits_for_it(path):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        assert go_on.wait(30)
        add(connection)

    async with Database(path) as database:
        writing = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(begun.wait, 30)
        writing.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await database.write(add)
        assert await database.read(count) == 2


async def test_a_write_that_waits_for_another_goes_on_when_nobody_waits_for_it(path):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        assert go_on.wait(30)

    async with Database(path) as database:
        first = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(begun.wait, 30)
        waiting = asyncio.create_task(database.write(add))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await first
    async with Database(path) as database:
        assert await database.read(count) == 1


async def test_two_may_open_it_and_neither_loses_a_write(path):
    async with Database(path) as one, Database(path) as other:
        await asyncio.gather(
            *(database.write(audit.append, NOW_S, "me", "x", "y", {}) for database in (one, other) * 20)
        )
        check = await one.read(audit.verify)
        assert (check.ok, check.entries) == (True, 40)
        assert await other.read(audit.verify) == check


def test_two_that_open_a_new_one_at_once_both_get_it(path):
    start = threading.Barrier(4)
    failed = []

    def opened():
        start.wait(30)
        try:
            with closing(open_connection(path)) as connection:
                settings.put(connection, str(threading.get_ident()), 1)
        except Exception as error:  # noqa: BLE001 to be shown
            failed.append(error)

    threads = [threading.Thread(target=opened) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    with closing(open_connection(path)) as connection:
        assert len(settings.load_all(connection)) == 4


async def test_another_that_holds_on_for_too_long_is_told_about(path, monkeypatch):
    monkeypatch.setattr("meshward.store.connection._BUSY_WAIT_S", 0.01)
    async with Database(path) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="in use by another program"):
                await database.write(add)
            assert not database.writable
            other.execute("ROLLBACK")
        await database.write(add)
        assert database.writable


async def test_a_full_disk_stops_writing_and_loses_nothing(path):
    async with Database(path) as database:
        for number in range(20):
            await database.write(add, str(number))
            await database.write(audit.append, NOW_S, "me", "note", str(number), {})
        await database.write(limit_pages, 3)
        stored = 20
        with pytest.raises(StoreFullError, match=r"is full.*free some space"):
            for _ in range(1000):
                await database.write(add, "x" * 900)
                stored += 1
        assert stored > 20
        assert (database.writable, "is full" in database.problem) == (False, True)
        # It still answers, holds all it ever said it holds, and nothing of what failed.
        assert await database.read(count) == stored
        await database.write(limit_pages, 1000)
        assert await database.probe(NOW_S)
        assert (database.writable, database.problem) == (True, "")
        await database.write(add)
        assert await database.read(count) == stored + 1
    with closing(open_connection(path)) as connection:
        assert count(connection) == stored + 1
        assert audit.verify(connection).entries == 20
        assert audit.verify(connection).ok


async def test_a_large_write_that_does_not_fit_leaves_none_of_it(path):
    def large(connection):
        for number in range(500):
            add(connection, f"{number} " + "x" * 900)

    async with Database(path) as database:
        await database.write(limit_pages, 20)
        with pytest.raises(StoreFullError):
            await database.write(large)
        assert await database.read(count) == 0
        assert (await database.write(add)).id == 1
        assert database.writable


async def test_a_database_that_cannot_be_written_any_more_is_told_about(path):
    async with Database(path) as database:
        await database.write(add)
        await database.write(lambda connection: connection.execute("PRAGMA query_only = ON").close())
        with pytest.raises(StoreError, match="cannot be written"):
            await database.write(add)
        assert not database.writable
        assert not await database.probe(NOW_S)
        assert await database.read(count) == 1


async def test_a_closed_database_says_so(path):
    database = Database(path)
    await database.close()
    with pytest.raises(StoreError, match="not open"):
        await database.read(count)
    async with Database(path) as database:
        waiting = asyncio.create_task(database.write(add))
        await asyncio.sleep(0)
    assert (await waiting).id == 1
    await database.close()
    with pytest.raises(StoreError, match="not open"):
        await database.write(add)


async def test_a_file_that_is_no_database_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("# a letter\n" * 1000)
    with pytest.raises(StoreError, match="no database of Meshward's"):
        await Database(path).open()
    assert path.read_text() == "# a letter\n" * 1000


async def test_a_damaged_database_is_noticed_when_it_is_opened(path):
    with closing(open_connection(path)) as connection:
        for _ in range(100):
            add(connection, "x" * 900)
    content = bytearray(path.read_bytes())
    content[20 * 4096 : -4096] = bytes(len(content) - 21 * 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged: restore a backup"):
        await Database(path).open()


def test_what_is_not_there_is_not_read(path):
    with pytest.raises(StoreError, match="cannot be opened"):
        open_read_only(path)
    assert not path.parent.exists()


async def test_a_directory_that_cannot_be_made_is_told_about(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="cannot use"):
        await Database(tmp_path / "data" / "meshward.db").open()


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOSPC, StoreFullError, "is full"),
        (errno.EDQUOT, StoreFullError, "is full"),
        (errno.EACCES, StoreError, "no permission for /data/x"),
        (errno.EROFS, StoreError, "mounted read-only"),
        (errno.EIO, StoreError, "Input/output error"),
    ],
)
def test_errors_of_the_disk_say_what_to_do(number, kind, text):
    with pytest.raises(StoreError, match=text) as raised, failures.translated("/data"):
        raise OSError(
            number, errno.errorcode[number] if number != errno.EIO else "Input/output error", "/data/x"
        )
    assert type(raised.value) is kind
