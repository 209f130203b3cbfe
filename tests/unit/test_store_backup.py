"""Backups: made beside a daemon, put back whole or not at all."""

import gzip
import hashlib
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from meshward.errors import ConflictError, StoreError, StoreFullError
from meshward.store import audit, firmware, nodes, settings, unpack
from meshward.store.backup import backup, restore
from meshward.store.connection import connect_as_is, open_connection
from meshward.store.database import Database
from meshward.store.layout import DATABASE, FIRMWARE, LOCK
from meshward.store.library import Library
from meshward.store.migrate import copy_database, latest_version, version_of
from tests.support.store import NOW_S, data_directory, firmware_row

OLD = Path(__file__).parents[1] / "data" / "databases" / "v1.sql"


@pytest.fixture
def data(tmp_path):
    return data_directory(tmp_path / "data")


@pytest.fixture
def archive(data, tmp_path):
    return backup(data, tmp_path / "backup.tar.gz").path


def dump(directory):
    with closing(open_connection(directory / DATABASE)) as connection:
        return list(connection.iterdump())


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def beside(directory):
    return sorted(item.name for item in directory.parent.iterdir())


def repacked(archive, target, change):
    """The archive with `change(members)` made to its members, a list of [TarInfo, bytes]."""
    with tarfile.open(archive) as tar:
        members = [[entry, tar.extractfile(entry).read()] for entry in tar]
    members = change(members) or members
    with tarfile.open(target, "w:gz") as tar:
        for entry, content in members:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target


def member(name, content=b"x", **values):
    entry = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(entry, key, value)
    return [entry, content]


def manifest_changed(members, change):
    manifest = json.loads(members[0][1])
    change(manifest)
    members[0][1] = json.dumps(manifest).encode()


def test_a_restored_directory_is_as_it_was(data, archive, tmp_path):
    restored = restore(archive, tmp_path / "new" / "place")
    target = tmp_path / "new" / "place"
    assert (restored.data_dir, restored.firmware_files, restored.moved_aside) == (target, 2, None)
    assert dump(target) == dump(data)
    assert {k: v for k, v in contents(target).items() if k.parent.name} == {
        k: v for k, v in contents(data).items() if k.parent.name
    }
    modes = {path.name: path.stat().st_mode & 0o777 for path in [target, *target.rglob("*")]}
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {"place": 0o700, FIRMWARE: 0o700}
    assert beside(target) == ["place"]


def test_a_backup_is_one_file_for_its_owner_that_says_what_is_in_it(data, tmp_path):
    made = backup(data, tmp_path / "backup.tar.gz")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.size_bytes == made.path.stat().st_size
    assert (made.firmware_files, made.missing) == (2, ())
    assert beside(data) == ["backup.tar.gz", "data"]
    with tarfile.open(made.path) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile(names[0]))
        for name, file in manifest["files"].items():
            content = tar.extractfile(name).read()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (file["sha256"], file["size_bytes"])
        assert not any(entry.uname or entry.uid for entry in tar)
    assert names == ["manifest.json", *manifest["files"]]
    assert (manifest["schema"], manifest["audit_head"]) == (latest_version(), made.audit_head)


async def test_a_backup_is_made_while_a_daemon_writes(data, tmp_path):
    async with Database(data / DATABASE) as database:
        await database.write(audit.append, NOW_S, "me", "only in the write-ahead log", "", {})
        made = backup(data, tmp_path / "backup.tar.gz")
        await database.write(audit.append, NOW_S, "me", "later", "", {})
    restore(made.path, tmp_path / "new")
    with closing(open_connection(tmp_path / "new" / DATABASE)) as connection:
        assert audit.page(connection).items[0].action == "only in the write-ahead log"
        assert audit.verify(connection).head == made.audit_head


def test_a_backup_is_made_while_somebody_is_in_the_middle_of_a_write(data, tmp_path):
    with closing(open_connection(data / DATABASE)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        settings.put(connection, "half", 1)
        made = backup(data, tmp_path / "backup.tar.gz")
        connection.execute("COMMIT")
    restore(made.path, tmp_path / "new")
    with closing(open_connection(tmp_path / "new" / DATABASE)) as connection:
        assert settings.load_all(connection) == {}


def test_a_backup_that_is_given_up_leaves_nothing_wherever_it_stands(data, tmp_path):
    def given_up_at(number):
        looks = 0

        def look():
            nonlocal looks
            looks += 1
            return looks > number

        return look

    for number in range(1000):
        try:
            backup(data, tmp_path / "backup.tar.gz", given_up=given_up_at(number))
        except StoreError as error:
            assert "given up" in str(error) or "interrupted" in str(error)
            assert beside(data) == ["data"]
        else:
            break
    assert number > 8, "looked at between pages, files, and pieces of files"
    restore(tmp_path / "backup.tar.gz", tmp_path / "new")


def test_a_backup_is_looked_at_while_its_database_is_read_through(data, tmp_path):
    with closing(open_connection(data / DATABASE)) as connection:
        for number in range(3000):
            audit.append(connection, NOW_S, "me", "often", str(number), {})
    given_up = iter([False] * 3)
    with pytest.raises(StoreError, match=r"given up|interrupted"):
        backup(data, tmp_path / "backup.tar.gz", given_up=lambda: next(given_up, True))


def test_writes_of_others_do_not_make_a_copy_begin_anew(data, tmp_path):
    with closing(open_connection(data / DATABASE)) as connection:
        settings.put(connection, "long", "x" * 9_000_000)
        looks = 0

        def look():
            nonlocal looks
            looks += 1
            settings.put(connection, "other", looks)

        with closing(connect_as_is(data / DATABASE)) as source:
            copy_database(source, tmp_path / "copy", look)
        assert 2 <= looks < 10
    with closing(open_connection(tmp_path / "copy")) as copied:
        assert "other" not in settings.load_all(copied)


def test_a_backup_replaces_another_file_only_when_told_to(data, tmp_path):
    target = tmp_path / "backup.tar.gz"
    target.write_text("precious")
    with pytest.raises(ConflictError, match="there already"):
        backup(data, target)
    assert target.read_text() == "precious"
    backup(data, target, force=True)
    restore(target, tmp_path / "new")


def test_a_backup_names_firmware_that_is_missing_or_damaged(data, tmp_path):
    missing, damaged = (firmware_row(content).sha256 for content in (b"one", b"two"))
    library = Library(data / FIRMWARE)
    library.remove(missing)
    library.path(damaged).write_bytes(b"twp")
    made = backup(data, tmp_path / "backup.tar.gz")
    assert (made.firmware_files, set(made.missing)) == (0, {missing, damaged})
    restore(made.path, tmp_path / "new")
    with closing(open_connection(tmp_path / "new" / DATABASE)) as connection:
        assert len(firmware.load_all(connection)) == 2


def test_no_backup_is_made_of_what_is_not_there_or_to_nowhere(data, tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        backup(tmp_path / "nothing", tmp_path / "backup.tar.gz")
    with pytest.raises(StoreError):
        backup(data, tmp_path / "nowhere" / "backup.tar.gz")
    assert beside(data) == ["data"]


def test_an_audit_log_that_is_not_whole_is_backed_up_and_told(data, tmp_path):
    with closing(open_connection(data / DATABASE)) as connection:
        connection.execute("DROP TRIGGER audit_update")
        connection.execute("UPDATE audit SET actor = 'you' WHERE id = 1")
    made = backup(data, tmp_path / "backup.tar.gz")
    assert "entry 1 does not fit its hash" in made.audit_problem
    done = restore(made.path, tmp_path / "restored")
    assert done.audit_problem == made.audit_problem
    with closing(open_connection(tmp_path / "restored" / DATABASE)) as connection:
        assert audit.verify(connection).problem == made.audit_problem
    hidden = repacked(
        made.path,
        tmp_path / "hidden.tar.gz",
        lambda members: manifest_changed(members, lambda manifest: manifest.update(audit_problem="")),
    )
    refuses(hidden, data, "audit log of the backup is not whole")


def test_a_backup_of_an_older_version_is_restored_and_then_brought_up_to_date(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        connection.executescript(OLD.read_text())
    made = backup(data, tmp_path / "backup.tar.gz")
    assert len(made.missing) == 2
    restore(made.path, tmp_path / "new")
    with closing(open_connection(tmp_path / "new" / DATABASE)) as connection:
        assert version_of(connection) == latest_version()
        assert nodes.get(connection, 1001).name == "Küche"


def test_a_directory_that_holds_something_is_not_overwritten(data, archive):
    before = contents(data)
    with pytest.raises(ConflictError, match="holds data already"):
        restore(archive, data)
    assert contents(data) == before


def test_with_force_what_was_there_is_moved_aside(data, archive):
    with closing(open_connection(data / DATABASE)) as connection:
        settings.put(connection, "later", 1)
    before, before_dump = contents(data), dump(data)
    restored = restore(archive, data, force=True)
    assert contents(restored.moved_aside) == before
    assert dump(data) != before_dump
    assert beside(data) == ["backup.tar.gz", "data", restored.moved_aside.name]


def test_an_empty_directory_or_one_with_just_the_lock_is_filled(archive, tmp_path):
    for name in ("empty", "locked"):
        (tmp_path / name).mkdir()
    (tmp_path / "locked" / LOCK).touch()
    for name in ("empty", "locked"):
        assert restore(archive, tmp_path / name).moved_aside is None
        assert (tmp_path / name / DATABASE).exists()


@pytest.mark.parametrize(
    "odd",
    [
        member("../evil"),
        member("/etc/evil"),
        member("firmware/../../evil"),
        member("firmware/evil.bin"),
        member("firmware/" + "a" * 64 + ".bin\n"),
        member("./meshward.db"),
        member("lock"),
        member("firmware/" + "a" * 64 + ".bin", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("firmware/" + "a" * 64 + ".bin", b"", type=tarfile.LNKTYPE, linkname="meshward.db"),
        member("firmware", b"", type=tarfile.DIRTYPE),
        member("firmware/" + "a" * 64 + ".bin", b"", type=tarfile.FIFOTYPE),
        member("meshward.db"),
    ],
    ids=lambda odd: f"{odd[0].name}-{odd[0].type}",
)
@pytest.mark.parametrize("first", [True, False])
def test_what_belongs_in_no_backup_is_refused(data, archive, tmp_path, odd, first):
    entry, content = odd
    bad = repacked(
        archive,
        tmp_path / "bad.tar.gz",
        lambda members: [[entry, content], *members] if first else [*members, [entry, content]],
    )
    refuses(bad, data, "belongs in no backup")


def refuses(archive, data, text, kind=StoreError):
    """Neither a fresh place nor one in use, even with force, is changed by a bad archive."""
    before, names = contents(data), beside(data)
    for target, force in ((data.parent / "new", False), (data, True)):
        with pytest.raises(kind, match=text):
            restore(archive, target, force=force)
    assert contents(data) == before
    assert beside(data) == names


@pytest.mark.parametrize("name", ["meshward.db", "firmware/"])
def test_a_file_that_is_not_the_one_of_the_manifest_is_refused(data, archive, tmp_path, name):
    def change(members):
        found = next(item for item in members if item[0].name.startswith(name))
        found[1] = found[1][:-1] + bytes([found[1][-1] ^ 1])

    refuses(repacked(archive, tmp_path / "bad.tar.gz", change), data, "is damaged: take another backup")


def test_files_missing_from_the_archive_or_from_the_manifest_are_noticed(data, archive, tmp_path):
    refuses(
        repacked(archive, tmp_path / "short.tar.gz", lambda members: members[:-1]),
        data,
        "differ in 'firmware/",
    )
    extra = [*member("firmware/" + "a" * 64 + ".bin")]
    refuses(
        repacked(archive, tmp_path / "long.tar.gz", lambda members: [*members, extra]),
        data,
        "differ in 'firmware/aaa",
    )


def test_a_manifest_that_cannot_be_is_refused(data, archive, tmp_path):
    def changed(name, change):
        return repacked(archive, tmp_path / name, lambda members: manifest_changed(members, change))

    refuses(changed("1", lambda m: m.update(format=2)), data, "newer version")
    refuses(changed("2", lambda m: m.pop("files")), data, "manifest of .* is damaged")
    refuses(changed("3", lambda m: m["files"].pop("meshward.db")), data, "no database")
    refuses(changed("4", lambda m: m.update(schema=1)), data, "not the one of its manifest")
    refuses(
        changed("5", lambda m: m.update(audit_head="0" * 64)), data, "audit log of the backup is not whole"
    )
    refuses(repacked(archive, tmp_path / "6", lambda members: members[1:]), data, "no manifest")
    refuses(
        repacked(archive, tmp_path / "7", lambda members: [member("manifest.json", b" " * (4 << 20) + b" ")]),
        data,
        "too large",
    )


def database_changed(archive, target, path, statements):
    """The archive with statements run on its database, and a manifest that fits."""

    def change(members):
        path.write_bytes(members[1][1])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
        content = members[1][1] = path.read_bytes()
        file = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        manifest_changed(members, lambda manifest: manifest["files"].update({"meshward.db": file}))

    return repacked(archive, target, change)


@pytest.mark.parametrize(
    ("statements", "text"),
    [
        (["DROP TRIGGER audit_update", "UPDATE audit SET subject = 'x' WHERE id = 1"], "audit log"),
        (["PRAGMA user_version = 99"], "newer version"),
        (["PRAGMA application_id = 5"], "another program"),
    ],
)
def test_a_database_that_is_not_whole_is_refused(data, archive, tmp_path, statements, text):
    bad = database_changed(archive, tmp_path / "bad.tar.gz", tmp_path / "work.db", statements)
    (tmp_path / "work.db").unlink()
    refuses(bad, data, text)


@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.9])
def test_an_archive_that_is_cut_off_is_refused(data, archive, tmp_path, kept):
    content = archive.read_bytes()
    cut = int(len(content) * kept) if isinstance(kept, float) else kept
    (tmp_path / "bad.tar.gz").write_bytes(content[:cut])
    refuses(tmp_path / "bad.tar.gz", data, "damaged|differ|no manifest")


def test_what_is_no_archive_is_refused(data, tmp_path):
    for name, content in (
        ("text", b"hello"),
        ("gz", gzip.compress(b"hello")),
        ("zeros", gzip.compress(bytes(4096))),
    ):
        (tmp_path / name).write_bytes(content)
        refuses(tmp_path / name, data, "damaged|no backup")
    refuses(tmp_path / "nothing", data, "there is no backup")


def test_a_backup_larger_than_the_disk_is_refused_before_it_is_written(data, archive, monkeypatch):
    monkeypatch.setattr(unpack, "_SPARE_BYTES", 1 << 60)
    refuses(archive, data, "more than the disk has", StoreFullError)


def test_what_was_there_comes_back_where_the_last_step_fails(data, archive, monkeypatch):
    before, names = contents(data), beside(data)
    rename = Path.rename

    def fails(path, target):
        if path.name.endswith(".restore"):
            raise OSError(16, "Device or resource busy")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(StoreError, match="busy"):
        restore(archive, data, force=True)
    assert (contents(data), beside(data)) == (before, names)


def test_a_relative_place_works(archive, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    restore(archive, Path("data"))
    made = backup(Path("data"), Path("again.tar.gz"))
    assert sorted(path.name for path in Path().iterdir()) == ["again.tar.gz", "data"]
    assert made.firmware_files == 2
