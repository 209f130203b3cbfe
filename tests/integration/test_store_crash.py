"""The store through what happens to processes: killed in the middle, or refused more of the disk."""

import signal
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from meshward.store import audit, events, rollouts
from meshward.store.connection import check_whole, open_connection
from meshward.store.transaction import transaction

ROUND = """
import resource, signal, sys
from contextlib import closing
from pathlib import Path
from meshward.errors import StoreError
from meshward.rollout.changes import Audited, Noted, SaveRollout
from meshward.store import audit, events
from meshward.store.apply import apply
from meshward.store.connection import open_connection
from meshward.store.failures import translated
from meshward.store.transaction import transaction
from tests.support.store import rollout

path = Path(sys.argv[1])
connection = open_connection(path)

def one(number):
    doc = rollout(reason=str(number))
    apply(connection, [SaveRollout(doc), Noted("a", str(number)), Audited("me", "x", str(number), {})], 1.0)
    print(number, flush=True)
"""


@contextmanager
def child(path, code):
    command = [sys.executable, "-c", ROUND + code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process, last):
    found = []
    for line in process.stdout:
        found.append(line.strip())
        if found[-1] == last:
            break
    return found


def whole(path):
    """How many rounds are stored, each of them whole."""
    with closing(open_connection(path)) as connection:
        check_whole(connection, path, thorough=True)
        check = audit.verify(connection)
        assert check.ok, check
        assert events.page(connection).total == check.entries
        assert rollouts.get(connection, "r1").reason == str(check.entries)
        return check.entries


@pytest.mark.parametrize("rounds", [1, 7, 40])
def test_a_killed_writer_loses_nothing_that_it_was_told_is_stored(tmp_path, rounds):
    path = tmp_path / "meshward.db"
    with child(path, "number = 0\nwhile True:\n    number += 1\n    one(number)\n") as process:
        lines_until(process, str(rounds))
        process.send_signal(signal.SIGKILL)
        told = [rounds, *(int(line) for line in process.stdout)]
    assert process.returncode == -signal.SIGKILL
    # At most the round that was stored and not told about any more.
    assert told[-1] <= whole(path) <= told[-1] + 1


def test_a_writer_killed_within_a_transaction_leaves_none_of_it(tmp_path):
    path = tmp_path / "meshward.db"
    code = """
one(1)
one(2)
connection.execute("PRAGMA cache_size = 1")  # so that half of it is in the file already
with transaction(connection):
    for number in range(200):
        events.add(connection, 1.0, "a", "x" * 900)
        audit.append(connection, 1.0, "me", "y", "z", {})
    print("half", flush=True)
    signal.pause()
"""
    with child(path, code) as process:
        lines_until(process, "half")
        size_bytes = path.with_name("meshward.db-wal").stat().st_size
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert size_bytes > 100_000
    assert whole(path) == 2
    with closing(open_connection(path)) as connection, transaction(connection):
        assert audit.append(connection, 1.0, "me", "x", "3", {}).id == 3


def test_a_disk_that_takes_no_more_loses_nothing(tmp_path):
    path = tmp_path / "meshward.db"
    code = """
limit = 600_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
number = 0
try:
    with translated(path):
        while number < 10_000:
            one(number + 1)
            number += 1
except StoreError as error:
    assert not connection.in_transaction
    assert audit.verify(connection).entries == number
    print("refused", error, flush=True)
"""
    with child(path, code) as process:
        found = process.stdout.read().splitlines()
        assert process.wait(30) == 0
    assert "disk" in found[-1]
    assert found[-1].startswith("refused")
    assert whole(path) == len(found) - 1 > 10
