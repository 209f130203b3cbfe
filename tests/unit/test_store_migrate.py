"""Databases of every version come to the current schema; those of others are left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from meshward.errors import StoreError
from meshward.rollout.states import RolloutState
from meshward.store import alerts, audit, events, firmware, history, nodes, rollouts, settings, tokens
from meshward.store.connection import open_connection, open_read_only
from meshward.store.migrate import APPLICATION_ID, latest_version, migrate, version_of

DATABASES = Path(__file__).parents[1] / "data" / "databases"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "meshward.db"


def old_database(path: Path, version: int) -> None:
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((DATABASES / f"v{version}.sql").read_text())


def dump(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


def schema(connection: sqlite3.Connection) -> list[tuple]:
    """Tables with their columns in any order of being added, indexes and triggers."""
    found = []
    for kind, name, sql in connection.execute(
        "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    ):
        if kind == "table":
            columns = connection.execute(
                f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('{name}')"
            )
            strict = connection.execute(
                "SELECT strict FROM pragma_table_list WHERE name = ?", (name,)
            ).fetchone()
            foreign = connection.execute(f"SELECT * FROM pragma_foreign_key_list('{name}')").fetchall()
            found.append((kind, name, columns.fetchall(), strict, foreign))
        else:
            found.append((kind, name, sql))
    return found


def test_a_dump_of_every_older_version_is_kept():
    assert [path.name for path in sorted(DATABASES.glob("v*.sql"))] == [
        f"v{n}.sql" for n in range(1, latest_version())
    ]


@pytest.mark.parametrize("version", range(1, latest_version()))
def test_a_migrated_database_has_the_schema_of_a_fresh_one(path, version):
    old_database(path, version)
    with closing(open_connection(path)) as migrated, closing(open_connection(":memory:")) as fresh:
        assert schema(migrated) == schema(fresh)
        for pragma in ("user_version", "application_id"):
            assert (
                migrated.execute(f"PRAGMA {pragma}").fetchone()
                == fresh.execute(f"PRAGMA {pragma}").fetchone()
            )


def test_what_an_old_database_held_is_there_after_its_migration(path):
    old_database(path, 1)
    with closing(open_connection(path)) as connection:
        porch, spare, kitchen = (nodes.get(connection, node) for node in (3213549812, 2147483649, 1001))
        assert (porch.name, porch.tags, porch.version, porch.parent) == ("porch", ("outdoor",), "1.1", 1001)
        assert (spare.excluded, spare.exclusion_reason, spare.up_since_s, spare.parent) == (
            True,
            "",
            None,
            None,
        )
        assert (kitchen.name, kitchen.firmware, kitchen.first_seen_s) == ("Küche", "", 1699913600.0)
        assert [row.version for row in firmware.load_all(connection)] == ["1.1", "1.0"]
        assert [row.running for row in firmware.load_all(connection)] == [1, 1]
        assert [doc.id for doc in rollouts.load_active(connection).rollouts] == ["r-00000002"]
        assert rollouts.get(connection, "r-00000001").state is RolloutState.COMPLETED
        assert rollouts.get_run(connection, "u-00000001").ended_s == 1700000300.0
        (attempt,) = rollouts.attempt_page(connection, node=3213549812).items
        assert (attempt.state, attempt.started_s, attempt.ended_s) == (
            "completed",
            1700000010.0,
            1700000300.0,
        )
        assert rollouts.load_health(connection) == {3213549812: {"restarts": 0, "delay_us": [12000, 11000]}}
        assert events.page(connection, severity="warning").items[0].text == "node 2147483649 left"
        assert audit.verify(connection).ok
        assert audit.verify(connection).entries == 3
        assert tokens.find(connection, "mw_" + "A" * 43, 1700000000.0).name == "laptop"
        assert settings.load_all(connection) == {"updates_at_once": 2}
        # And it goes on: the next entry is chained to the old ones.
        audit.append(connection, 1700009999.0, "me", "settings", "", {})
        assert audit.verify(connection).entries == 4


def test_what_version_2_added_is_there_after_its_migration(path):
    old_database(path, 2)
    with closing(open_connection(path)) as connection:
        assert nodes.get(connection, 2147483649).exclusion_reason == "water meter: never touch"
        (answer,) = connection.execute("SELECT caller, status, body FROM idempotency").fetchall()
        assert answer == ("t-00000001", 201, '{"id":"r-00000002"}')


def test_what_version_3_added_is_there_after_its_migration(path):
    old_database(path, 3)
    with closing(open_connection(path)) as connection:
        latest = history.latest(connection, 1700002000.0)
        assert latest == {3213549812: {"heap_free_bytes": (40960.0, 1700003000.0, "604")}}
        stored = alerts.load_open(connection, 1700004000.0)
        assert [(doc.rule, doc.state) for doc in stored.alerts] == [("heap_low", "firing")]
        assert [doc.reason for doc in stored.silences] == ["known"]


@pytest.mark.parametrize("version", range(1, 4))
def test_rollouts_of_before_there_were_jobs_are_none(path, version):
    old_database(path, version)
    with closing(open_connection(path)) as connection:
        doc = rollouts.get(connection, "r-00000002")
        assert doc.spec.job == ""
        assert rollouts.of_job(connection, "") is None
        rollouts.save(connection, doc)
        assert rollouts.of_job(connection, "") is None


def test_a_copy_is_made_before_a_migration_and_only_then(path):
    old_database(path, 1)
    open_connection(path).close()
    copy = path.with_name("meshward.db.before-v2")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection, closing(sqlite3.connect(":memory:")) as old:
        old.executescript((DATABASES / "v1.sql").read_text())
        assert version_of(connection) == 1
        assert dump(connection) == dump(old)
    for made in path.parent.glob("meshward.db.before-v*"):
        made.unlink()
    open_connection(path).close()
    assert sorted(item.name for item in path.parent.iterdir()) == ["meshward.db"]


def test_a_fresh_database_needs_no_copy(path):
    open_connection(path).close()
    assert [item.name for item in path.parent.iterdir()] == ["meshward.db"]


def test_a_migration_that_fails_leaves_the_database_as_it_was(path):
    old_database(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before = dump(connection)
        connection.execute("CREATE TABLE idempotency (x)")  # in the way of the last statements of 0002
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, path)
        connection.execute("DROP TABLE idempotency")
        assert version_of(connection) == 1
        assert dump(connection) == before
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    with closing(open_connection(path)) as connection:
        assert version_of(connection) == latest_version()


def test_a_database_of_a_newer_version_is_refused_and_not_touched(path):
    open_connection(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {latest_version() + 1}")
    content = path.read_bytes()
    for opener in (open_connection, open_read_only):
        with pytest.raises(StoreError, match="newer version of Meshward"):
            opener(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_not_touched(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    content = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_connection(path)
    assert path.read_bytes() == content


def test_a_database_of_an_older_version_is_not_only_read(path):
    old_database(path, 1)
    with pytest.raises(StoreError, match="older version"):
        open_read_only(path)


def test_our_mark_is_the_one_in_the_first_migration():
    with closing(open_connection(":memory:")) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
