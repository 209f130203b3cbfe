"""Commands that find the gateway through its data directory: none running, one running, one restarted."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys

import pytest

from meshward.cli.app import run
from meshward.firmware.synthetic import synthetic_image
from meshward.gateway import endpoint
from meshward.gateway.lock import DAEMON, DataLock
from meshward.rollout.states import RolloutState
from meshward.store.layout import DATABASE
from tests.support.fake_service import FakeService
from tests.support.web import fake_app, served


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A data directory, a firmware file in the present directory, and nobody's configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("MESHWARD_URL", "MESHWARD_TOKEN", "MESHWARD_CONNECT", "MESHWARD_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "fw.bin").write_bytes(synthetic_image(20_000))
    directory = tmp_path / "data"
    directory.mkdir()
    monkeypatch.setenv("MESHWARD_DATA", str(directory))
    return directory


@pytest.fixture
def told(capsys):
    """(exit status, standard output, standard error) of a command in this process."""

    def told(*arguments):
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return told


# -- no gateway runs: this process answers from the data directory ------------------------------


def test_without_a_gateway_the_data_can_be_seen_and_changed(told):
    assert told("status") == (0, "No gateway runs now; 0 nodes known, as they were last.\n", "")
    status, out, _ = told("firmware", "add", "fw.bin", "--json")
    assert status == 0
    sha256 = json.loads(out)["sha256"]
    assert sha256[:12] in told("firmware", "list")[1]
    status, out, _ = told("token", "create", "--role", "viewer", "--quiet")
    assert (status, out.count("\n")) == (0, 1)
    assert json.loads(told("audit", "verify", "--json")[1])["entries"] == 2
    assert not json.loads(told("status", "--json")[1])["gateway_runs"]


def test_a_rollout_made_without_a_gateway_waits_for_one(told):
    status, out, _ = told("rollout", "create", "fw.bin", "--role", "sensor")
    assert status == 0
    assert "it begins when `meshward run` does" in out
    status, out, err = told("rollout", "watch")
    assert status == 1
    assert "no gateway runs, so this rollout stands still" in err
    assert told("rollout", "abort")[0] == 0
    assert "no rollout is under way" in told("rollout", "pause")[2]


def test_backup_and_restore(told, data, tmp_path):
    told("firmware", "add", "fw.bin")
    assert told("backup", "copy.tar.gz")[0] == 0
    assert "is there already" in told("backup", "copy.tar.gz")[2]
    status, out, _ = told("restore", "copy.tar.gz", "--data", tmp_path / "other", "--json")
    assert (status, json.loads(out)["moved_aside"]) == (0, None)
    assert "fw.bin" in told("firmware", "list", "--data", tmp_path / "other")[1]
    status, _, err = told("restore", "copy.tar.gz")
    assert status == 1
    assert "--force" in err
    status, out, _ = told("restore", "copy.tar.gz", "--force")
    assert status == 0
    assert "what was there before is in" in out


def test_a_backup_with_an_audit_log_that_was_altered_says_so(told, data, tmp_path):
    told("firmware", "add", "fw.bin")
    with contextlib.closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_update")
        connection.execute("UPDATE audit SET actor = 'you' WHERE id = 1")
    status, out, _ = told("backup", "copy.tar.gz")
    assert status == 0
    assert "warning: the audit log is not whole (entry 1 " in out
    status, out, _ = told("restore", "copy.tar.gz", "--data", tmp_path / "other")
    assert status == 0
    assert "warning: its audit log was not whole even then (entry 1 " in out


# -- a gateway runs ----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def daemon(data, service):
    """What `meshward run` shows to others: the lock, the endpoint file and the API."""
    secret = service.secret("admin")
    app, _ = fake_app(service)
    with DataLock.acquire(data, DAEMON):
        async with served(app) as (host, port):
            endpoint.write(
                data, endpoint.Endpoint(url=f"http://{host}:{port}", token=secret, pid=os.getpid())
            )
            yield
    service.revoke(secret)


@contextlib.asynccontextmanager
async def command(*arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshward", *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(*arguments):
    """(exit status, standard output, standard error) of a command in a process of its own."""
    async with command(*arguments) as process, asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def line_with(process, words):
    async with asyncio.timeout(30):
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, f"it ended before it said {words!r}"
            if words in line:
                return


async def test_a_running_gateway_is_found_by_its_data_directory(data):
    async with daemon(data, FakeService()):
        status, out, err = await ended("status")
        assert (status, err) == (0, "")
        assert out.startswith("20 nodes, 16 online and 4 offline")


async def test_nothing_is_restored_below_a_running_gateway(data, tmp_path):
    assert (await ended("backup", "copy.tar.gz"))[0] == 1  # there is nothing yet
    await ended("firmware", "add", "fw.bin")
    assert (await ended("backup", "copy.tar.gz"))[0] == 0
    async with daemon(data, FakeService()):
        status, _, err = await ended("restore", "copy.tar.gz", "--force")
    assert status == 1
    assert "is in use by a gateway" in err


async def test_watching_goes_on_through_a_restart_with_another_port_and_token(data):
    service = FakeService()
    async with contextlib.AsyncExitStack() as watching:
        async with daemon(data, service):
            assert (await ended("rollout", "create", "fw.bin", "--role", "sensor"))[0] == 0
            process = await watching.enter_async_context(command("rollout", "watch"))
            await line_with(process, "rollout r1 scheduled")
        await line_with(process, "the gateway does not answer, trying again")
        async with daemon(data, service):
            await line_with(process, "the gateway answers again")
            service.rollouts_by_id["r1"].state = RolloutState.COMPLETED
            async with asyncio.timeout(30):
                await process.communicate()
    assert process.returncode == 0


async def test_ctrl_c_leaves_the_rollout_running(data):
    service = FakeService()
    async with daemon(data, service):
        assert (await ended("rollout", "create", "fw.bin", "--role", "sensor"))[0] == 0
        async with command("rollout", "watch") as process:
            await line_with(process, "rollout r1 scheduled")
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(30):
                _, err = await process.communicate()
    assert process.returncode == 130
    assert "the rollout goes on; see it again with `meshward rollout watch r1`" in err.decode()
    assert service.rollouts_by_id["r1"].state == RolloutState.SCHEDULED
