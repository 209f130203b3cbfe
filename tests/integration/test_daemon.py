"""`meshward run` as a process of its own, in a virtual fleet."""

import asyncio
import json
import os
import signal
import socket
import sys
import time

import httpx
import pytest

from meshward.gateway import endpoint
from meshward.gateway.lock import daemon_pid
from tests.integration.fleets import next_port, running_fleet
from tests.integration.hostile import HOST, eventually

#: A part of the daemon that breaks by itself, once the daemon is ready.
BROKEN = """
import asyncio
from meshward.gateway import conductor
async def run(self):
    await asyncio.sleep(0.2)
    {what}
conductor.Conductor.run = run
from meshward.cli.main import main
main()
"""
#: A part that does not let itself be stopped.
STUBBORN = """
import asyncio
from meshward.gateway import conductor
async def run(self):
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
conductor.Conductor.run = run
from meshward.cli.main import main
main()
"""


class Daemon:
    """A `meshward run` process."""

    def __init__(self, process, data):
        self.process = process
        self.data = data
        self.log = []

    async def event(self, name):
        """The next log entry of this name."""
        async with asyncio.timeout(20):
            while line := (await self.process.stderr.readline()).decode():
                self.log.append(line)
                if line.startswith("{") and (entry := json.loads(line))["event"] == name:
                    return entry
        raise AssertionError(f"no {name!r} in {''.join(self.log)}")

    async def end(self):
        """(exit status, the rest of standard error), once it ends by itself."""
        async with asyncio.timeout(20):
            output, errors = await self.process.communicate()
        assert output == b""
        self.log.append(errors.decode())
        return self.process.returncode, errors.decode()

    async def stop(self, number=signal.SIGTERM):
        """(exit status, seconds that it took)."""
        self.process.send_signal(number)
        began_s = time.monotonic()
        status, _ = await self.end()
        return status, time.monotonic() - began_s

    def client(self):
        found = endpoint.find(self.data)
        assert found.pid == self.process.pid
        return httpx.AsyncClient(
            base_url=f"{found.url}/api/v1/",
            headers={"Authorization": f"Bearer {found.token}"},
            trust_env=False,
            timeout=10,
        )

    async def get(self, path):
        async with self.client() as client:
            answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, path, condition):
        """What is answered, once it is as wanted."""
        async with asyncio.timeout(10):
            while not condition(answer := await self.get(path)):  # noqa: ASYNC110 asks another process
                await asyncio.sleep(0.05)
        return answer


@pytest.fixture
async def start(tmp_path):
    """Starts daemons; none outlives the test."""
    daemons = []

    async def start(*arguments, http="127.0.0.1:0", program=("-m", "meshward"), environ=()):
        data = tmp_path / "data"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MESHWARD_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, "run", "--data", data, "--http", str(http), *map(str, arguments)),
            cwd=tmp_path,
            env=clean | {"HOME": str(tmp_path)} | dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        daemons.append(Daemon(process, data))
        return daemons[-1]

    yield start
    for daemon in daemons:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.process.communicate()


def nowhere():
    return f"{HOST}:{next_port()}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_joins_serves_and_stops_within_5_s(start, number):
    async with running_fleet(nodes=5) as fleet:
        daemon = await start("--connect", f"{HOST}:{fleet.plan.port}", "--node-id", 77)
        ready = await daemon.event("ready")
        assert (ready["url"], ready["pid"]) == (endpoint.find(daemon.data).url, daemon.process.pid)
        joined = await daemon.event("joined the mesh")
        assert joined["own_id"] == 77

        await daemon.until("nodes", lambda nodes: [node["online"] for node in nodes["items"]] == [True] * 5)
        assert (await daemon.get("health"))["details"]["mesh_connected"]
        status, seconds = await daemon.stop(number)
    assert status == 0
    assert seconds < 5
    assert daemon_pid(daemon.data) is None
    assert not (daemon.data / "daemon.json").exists()


async def test_clients_that_stall_do_not_hold_up_the_stop(start):
    daemon = await start("--connect", nowhere())
    await daemon.event("ready")
    port = int(endpoint.find(daemon.data).url.rpartition(":")[2])
    with socket.create_connection((HOST, port)) as silent, socket.create_connection((HOST, port)) as slow:
        slow.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{")
        await daemon.get("health")
        status, seconds = await daemon.stop()
        assert silent.fileno() > 0
    assert status == 0
    assert seconds < 5


async def test_a_part_that_cannot_be_stopped_is_cut_short(start):
    daemon = await start("--connect", nowhere(), program=("-c", STUBBORN))
    await daemon.event("ready")
    status, seconds = await daemon.stop()
    assert status == 1
    assert 3 < seconds < 5.5
    assert daemon_pid(daemon.data) is None


async def test_without_any_neighbour_it_runs_and_says_why(start):
    address = nowhere()
    daemon = await start("--connect", address)
    await daemon.event("ready")
    assert not (await daemon.get("health"))["details"]["mesh_connected"]
    async with running_fleet(nodes=3) as fleet:
        await daemon.stop()
        daemon = await start("--connect", address, "--connect", f"{HOST}:{fleet.plan.port}")
        await daemon.event("joined the mesh")


async def test_killed_it_starts_again_and_knows_what_it_knew(start):
    async with running_fleet(nodes=4) as fleet:
        daemon = await start("--connect", f"{HOST}:{fleet.plan.port}")
        await daemon.event("joined the mesh")
        await daemon.until("nodes", lambda nodes: len(nodes["items"]) == 4)
        daemon.process.kill()
        await daemon.process.wait()
    assert (daemon.data / "daemon.json").exists()
    assert endpoint.find(daemon.data) is None
    again = await start("--connect", nowhere())
    await again.event("ready")
    nodes = (await again.get("nodes"))["items"]
    assert [node["online"] for node in nodes] == [False] * 4
    assert (await again.stop())[0] == 0


async def test_a_second_one_for_the_same_data_is_refused(start):
    daemon = await start("--connect", nowhere())
    await daemon.event("ready")
    status, errors = await (await start("--connect", nowhere())).end()
    assert status == 1
    assert f"in use by a gateway, process {daemon.process.pid}" in errors
    assert (await daemon.get("health"))["details"]["version"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "connect = 'a'\n[http]\n\nbnid = 1\n",
            "line 4, http.bnid: unknown key 'bnid'; did you mean 'bind'?",
        ),
        ("connect = 'a'\n[log]\nlevel = 'loud'\n", "line 3, log.level: must be debug, info"),
        ("connect = \n", "line 1: not valid TOML"),
        ("", "say how to join the mesh"),
    ],
)
async def test_a_wrong_configuration_is_misuse(start, tmp_path, text, complaint):
    (tmp_path / "meshward.toml").write_text(text)
    daemon = await start()
    status, errors = await daemon.end()
    assert status == 2
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert not daemon.data.exists()


async def test_a_wrong_variable_is_misuse(start):
    daemon = await start("--connect", nowhere(), environ={"MESHWARD_UPDATES_AT_ONCE": "0"}.items())
    status, errors = await daemon.end()
    assert status == 2
    assert "MESHWARD_UPDATES_AT_ONCE: must be a whole number from 1 to 16" in errors


async def test_a_port_that_others_have_ends_it_with_the_reason(start):
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        daemon = await start("--connect", nowhere(), http=port)
        status, errors = await daemon.end()
    assert status == 1
    assert f"port {port}" in errors.splitlines()[-1]
    assert "--http" in errors.splitlines()[-1]


async def test_http_can_be_left_out(start):
    daemon = await start("--connect", nowhere(), http="off")
    assert (await daemon.event("ready"))["url"] == "off"
    assert not (daemon.data / "daemon.json").exists()
    assert (await daemon.stop())[0] == 0


@pytest.mark.parametrize("what", ["raise KeyError('mw_secret')", "return"])
async def test_a_part_that_breaks_ends_it_with_a_clear_message(start, what):
    daemon = await start("--connect", nowhere(), program=("-c", BROKEN.format(what=what)))
    status, errors = await daemon.end()
    assert status == 1
    last = errors.splitlines()[-1]
    assert last.startswith("meshward: the gateway's conductor")
    assert ("KeyError" in last) == ("KeyError" in what)
    assert "mw_secret" not in "".join(line for line in errors.splitlines() if line.startswith("{"))
    assert daemon_pid(daemon.data) is None


async def test_new_settings_are_taken_while_it_runs_where_that_is_safe(start, tmp_path):
    file = tmp_path / "my.toml"
    text = "connect = '{}'\n[http]\nupload_max = '{}'\n[updates]\nat_once = {}\n[log]\nlevel = '{}'\n"
    address = nowhere()
    file.write_text(text.format(address, "8MB", 1, "info"))
    daemon = await start("--config", file, "--log-format", "json")
    await daemon.event("ready")
    assert (await daemon.get("settings"))["updates_at_once"] == 1

    file.write_text(text.format(address, "9MB", 3, "info"))
    daemon.process.send_signal(signal.SIGHUP)
    assert (await daemon.event("these settings need a restart"))["keys"] == "http.upload_max"
    assert "updates.at_once" in (await daemon.event("read the configuration anew"))["changed"]
    settings = await daemon.get("settings")
    assert settings["updates_at_once"] == 3
    assert settings["fixed"]["http.upload_max"] == "8MB"

    file.write_text("[updates]\nat_once = 0\n")
    daemon.process.send_signal(signal.SIGHUP)
    wrong = await daemon.event("the new configuration is wrong; the old one stays")
    assert "line 2, updates.at_once" in wrong["reason"]
    assert (await daemon.get("settings"))["updates_at_once"] == 3

    async with daemon.client() as client:
        answer = await client.patch("settings", json={"updates_at_once": 5})
        assert answer.status_code == 200, answer.text
    file.write_text(text.format(address, "8MB", 2, "info"))
    daemon.process.send_signal(signal.SIGHUP)
    await daemon.event("read the configuration anew")
    # What was set by the API is kept, as it is at a restart.
    assert (await daemon.get("settings"))["updates_at_once"] == 5

    file.write_text(text.format(address, "9MB", 2, "warning"))
    daemon.process.send_signal(signal.SIGHUP)
    await daemon.event("these settings need a restart")
    status, _ = await daemon.stop()
    assert status == 0
    assert "stopping" not in "".join(daemon.log)


async def test_it_is_found_only_by_its_owner(start):
    daemon = await start("--connect", nowhere())
    await daemon.event("ready")
    for path in daemon.data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert daemon.data.stat().st_mode & 0o077 == 0
    await eventually(lambda: endpoint.find(daemon.data) is not None)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{endpoint.find(daemon.data).url}/api/v1/nodes")
        assert answer.status_code == 401
