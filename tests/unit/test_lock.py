import os
import subprocess
import sys

import pytest

from meshward.errors import GatewayError, StoreError
from meshward.gateway.lock import DAEMON, DataLock, daemon_pid

HOLD = """
import sys
from pathlib import Path
from meshward.gateway.lock import DataLock
lock = DataLock.acquire(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Another process that holds the lock."""
    started = []

    def hold(purpose):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, tmp_path, purpose], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_directory_is_made_and_given_back(tmp_path):
    data = tmp_path / "new"
    lock = DataLock.acquire(data, DAEMON)
    assert data.stat().st_mode & 0o777 == 0o700
    assert daemon_pid(data) == os.getpid()
    lock.release()
    lock.release()
    assert daemon_pid(data) is None
    with DataLock.acquire(data, DAEMON):
        pass


def test_only_one_process_has_it_and_the_other_one_is_named(tmp_path, hold):
    process = hold(DAEMON)
    assert daemon_pid(tmp_path) == process.pid
    with pytest.raises(GatewayError, match=f"in use by a gateway, process {process.pid}: stop it"):
        DataLock.acquire(tmp_path, "backup")


def test_a_command_that_works_on_the_directory_is_no_daemon(tmp_path, hold):
    process = hold("restore")
    assert daemon_pid(tmp_path) is None
    with pytest.raises(GatewayError, match=rf"another command \(restore\), process {process.pid}"):
        DataLock.acquire(tmp_path, DAEMON)


def test_the_kernel_lets_go_of_it_when_its_holder_is_killed(tmp_path, hold):
    process = hold(DAEMON)
    process.kill()
    process.wait()
    assert (tmp_path / "lock").read_text().startswith(str(process.pid))
    assert daemon_pid(tmp_path) is None
    with DataLock.acquire(tmp_path, DAEMON):
        assert daemon_pid(tmp_path) == os.getpid()


def test_looking_at_a_lock_does_not_take_it(tmp_path):
    (tmp_path / "lock").touch()
    assert daemon_pid(tmp_path) is None
    with DataLock.acquire(tmp_path, DAEMON):
        assert daemon_pid(tmp_path) == daemon_pid(tmp_path) == os.getpid()


def test_where_nothing_is_nobody_runs(tmp_path):
    assert daemon_pid(tmp_path / "nowhere") is None


def test_a_directory_that_cannot_be_had_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot use the data directory .*/file/data.*--data"):
        DataLock.acquire(tmp_path / "file" / "data", DAEMON)
