import asyncio
import json
import os
import shutil
import socket
import sqlite3
import sys
from contextlib import asynccontextmanager, closing, suppress
from types import SimpleNamespace

import msgspec
import pytest
from cyclopts import App

from meshward.cli.doctor import doctor
from meshward.config import Alerts, Config, Http, Influx, Mqtt, load_config
from meshward.gateway import endpoint
from meshward.gateway.bridge_views import BridgeView
from meshward.gateway.doctor import Clocks, examine
from meshward.gateway.endpoint import Endpoint
from meshward.gateway.lock import DAEMON, DataLock
from meshward.store import audit, events
from meshward.store.connection import open_connection

NOW_S = 1_780_000_000.0
GOOD_CLOCK = Clocks(lambda: NOW_S, lambda: True)


@pytest.fixture
def node():
    """The address of something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def config(tmp_path, node):
    return made(tmp_path, node)


def made(tmp_path, node, **http):
    http = {"bind": f"127.0.0.1:{free_port()}"} | http
    alerts = Alerts(webhooks=("https://hooks.example/T0KEN",))
    return Config(connect=(node,), data=str(tmp_path / "data"), http=Http(**http), alerts=alerts)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def checked(config, clocks=GOOD_CLOCK):
    """The checks by name."""
    checks = await examine(lambda: config, clocks)
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def with_database(tmp_path, at_s=NOW_S - 10):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with closing(open_connection(data / "meshward.db")) as connection:
        for number in range(3):
            audit.append(connection, at_s, "me", "token.create", str(number), {})
        events.add(connection, at_s, "mesh.joined", "hello")
    return data


async def test_all_is_well_before_the_first_start(config):
    checks = await checked(config)
    assert all(check.ok and not check.remedy for check in checks.values()), checks
    assert "not there yet" in checks["data directory"].text
    assert f"Python {sys.version.split()[0]}" in checks["versions"].text
    assert "does not run" in checks["gateway"].text


async def test_all_is_well_with_a_database(config, tmp_path):
    with_database(tmp_path)
    checks = await checked(config)
    assert all(check.ok and not check.remedy for check in checks.values()), checks
    assert checks["audit log"].text.startswith("3 entries")
    assert not list((tmp_path / "data").glob("daemon.json"))


async def test_whom_alerts_reach_is_told_without_secrets(config):
    check = (await checked(config))["alerts"]
    assert check.ok
    assert "hooks.example" in check.text
    assert "T0KEN" not in check.text
    check = (await checked(msgspec.structs.replace(config, alerts=Alerts())))["alerts"]
    assert check.ok
    assert "alerts.webhooks" in check.remedy


async def test_alert_rules_that_cannot_be_used_are_noticed(config, tmp_path):
    (tmp_path / "alerts.toml").write_text("[weak_lnk]\nbelow = -80\n")
    config = msgspec.structs.replace(config, alerts=Alerts(rules_file=str(tmp_path / "alerts.toml")))
    check = (await checked(config))["alerts"]
    assert not check.ok
    assert "weak_link" in check.text


async def test_a_changed_audit_log_is_noticed(config, tmp_path):
    data = with_database(tmp_path)
    with closing(sqlite3.connect(data / "meshward.db")) as connection, connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        connection.execute("UPDATE audit SET actor = 'you' WHERE id = 2")
    check = (await checked(config))["audit log"]
    assert not check.ok
    assert "entry 2" in check.text


async def test_a_damaged_database_is_noticed(config, tmp_path):
    data = with_database(tmp_path)
    (data / "meshward.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    check = (await checked(config))["database"]
    assert not check.ok
    assert "restore" in check.remedy


async def test_times_from_the_future_are_noticed(config, tmp_path):
    with_database(tmp_path, at_s=NOW_S + 3600)
    check = (await checked(config))["history"]
    assert not check.ok
    assert "3600 s ahead" in check.text


async def test_a_data_directory_that_others_see_is_a_hint(config, tmp_path):
    with_database(tmp_path).chmod(0o755)
    check = (await checked(config))["data directory"]
    assert check.ok
    assert "chmod 700" in check.remedy


async def test_a_file_is_no_data_directory(config, tmp_path):
    (tmp_path / "data").touch()
    checks = await checked(config)
    assert not checks["data directory"].ok


@pytest.mark.parametrize(("free_mb", "ok", "hint"), [(5, False, True), (150, True, True), (300, True, False)])
async def test_a_disk_that_fills_up_is_noticed(config, monkeypatch, free_mb, ok, hint):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free_mb << 20))
    check = (await checked(config))["disk"]
    assert (check.ok, bool(check.remedy)) == (ok, hint)
    assert f"{free_mb} MB" in check.text


@pytest.mark.parametrize(
    ("wall_s", "synchronised", "ok", "hint"),
    [
        (0.0, True, False, True),
        (NOW_S, False, True, True),
        (NOW_S, None, True, False),
        (5e9, None, False, True),
    ],
)
async def test_the_clock_is_looked_at(config, wall_s, synchronised, ok, hint):
    check = (await checked(config, Clocks(lambda: wall_s, lambda: synchronised)))["clock"]
    assert (check.ok, bool(check.remedy)) == (ok, hint)


async def test_a_node_that_refuses_is_named_with_what_to_do(tmp_path):
    port = free_port()
    check = (await checked(made(tmp_path, f"127.0.0.1:{port}")))["node 127.0.0.1"]
    assert not check.ok
    assert f"127.0.0.1:{port}: Connection refused" in check.text
    assert "Wi-Fi" in check.remedy


async def test_no_way_to_the_mesh_is_a_failure(tmp_path):
    checks = await checked(Config(data=str(tmp_path), http=Http(enabled=False)))
    assert not checks["mesh"].ok
    assert "HTTP port" not in checks


async def test_a_gateway_that_runs_knows_its_way_to_the_mesh(tmp_path):
    config = Config(data=str(tmp_path / "data"), http=Http(enabled=False))
    with DataLock.acquire(config.data_path, DAEMON):
        assert (await checked(config))["mesh"].ok


async def test_ports_that_others_have_are_named(tmp_path, node):
    config = Config(listen=node, data=str(tmp_path), http=Http(bind=node))
    checks = await checked(config)
    for name in ("HTTP port", "listen port"):
        assert not checks[name].ok
        assert node in checks[name].text
        assert "choose another" in checks[name].remedy


@asynccontextmanager
async def answering(*bridges):
    """The address of a gateway that tells of these bridges, to whoever shows the token."""

    async def met(reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # some only look whether we are there
            head = await reader.readuntil(b"\r\n\r\n")
            status = b"200 OK" if b"authorization: Bearer mw_x" in head else b"401 Unauthorized"
            body = msgspec.json.encode(bridges)
            writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def bridge(name, state, text):
    return BridgeView(name=name, kind="mqtt", state=state, since_at="2026-11-25T12:00:00Z", text=text)


async def test_a_gateway_that_runs_has_its_ports_and_says_how_its_bridges_do(tmp_path):
    data = tmp_path / "data"
    works = bridge("mqtt://pi:1883", "up", "connected with MQTT 5")
    async with answering(works, bridge("http://db:8086/write", "failing", "no such database")) as there:
        config = Config(listen=there, data=str(data), http=Http(bind=there))
        with DataLock.acquire(data, DAEMON):
            endpoint.write(data, Endpoint(url=f"http://{there}", token="mw_x", pid=os.getpid()))
            checks = await checked(config)
    assert [name for name, check in checks.items() if not check.ok] == ["bridge to http://db:8086/write"]
    assert checks["bridge to http://db:8086/write"].text == "no such database"
    assert checks["bridge to mqtt://pi:1883"].text == "connected with MQTT 5"
    assert f"process {os.getpid()}, at http://{there}" in checks["gateway"].text
    assert "mw_x" not in repr(checks)


async def test_files_that_bridges_need_are_read_before_the_gateway_starts(tmp_path, config):
    mqtt = Mqtt(brokers=("mqtt://me@127.0.0.1",), password_file=str(tmp_path / "none"))
    checks = await checked(msgspec.structs.replace(config, mqtt=mqtt))
    assert not checks["bridges"].ok
    assert f"mqtt.password_file: {tmp_path / 'none'} cannot be read" in checks["bridges"].text


async def test_a_broker_that_is_named_twice_is_told(config):
    mqtt = Mqtt(brokers=("mqtt://127.0.0.1", "mqtt://127.0.0.1?profile=alteriom"))
    checks = await checked(msgspec.structs.replace(config, mqtt=mqtt))
    assert "give one of them a prefix of its own" in checks["bridges"].text


async def test_the_other_side_of_a_bridge_is_looked_for(config, node):
    dead = free_port()
    influx = Influx(urls=(f"http://127.0.0.1:{dead}/write?db=mesh",))
    there = msgspec.structs.replace(config, mqtt=Mqtt(brokers=(f"mqtt://{node}",)), influx=influx)
    checks = await checked(there)
    assert checks[f"bridge to mqtt://{node}"].ok
    assert not checks[f"bridge to http://127.0.0.1:{dead}"].ok


async def test_a_gateway_that_runs_and_cannot_be_asked_is_a_failure_unless_meant(tmp_path, node):
    config = made(tmp_path, node)
    with DataLock.acquire(config.data_path, DAEMON):
        assert not (await checked(config))["gateway"].ok
        assert (await checked(made(tmp_path, node, enabled=False)))["gateway"].ok


async def test_a_gateway_that_stopped_answering_is_a_failure(config):
    with DataLock.acquire(config.data_path, DAEMON):
        url = f"http://{config.http.address}"
        endpoint.write(config.data_path, Endpoint(url=url, token="mw_x", pid=os.getpid()))
        check = (await checked(config))["HTTP port"]
    assert not check.ok
    assert "refused" in check.text


async def test_a_wrong_configuration_does_not_hide_the_rest(tmp_path):
    (tmp_path / "wrong.toml").write_text("[http]\nbnid = 1\n")
    checks = {check.name: check for check in await examine(lambda: load_config(tmp_path / "wrong.toml", {}))}
    assert not checks["configuration"].ok
    assert "wrong.toml line 2, http.bnid" in checks["configuration"].text
    assert {"versions", "clock", "time zones"} <= checks.keys()


async def test_what_is_doubtful_in_a_configuration_is_a_hint(tmp_path, node):
    check = (await checked(made(tmp_path, node, bind=f"0.0.0.0:{free_port()}")))["configuration"]
    assert check.ok
    assert "without TLS" in check.remedy


# -- the command -----------------------------------------------------------------------------


def shown(capsys, *arguments):
    """Exit status and output."""
    app = App(result_action="return_value", exit_on_error=False, print_error=False)
    app.default(doctor)
    status = app(arguments)
    return status, capsys.readouterr().out


@pytest.fixture
def file(tmp_path, node, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meshward.gateway.clock.is_sane", lambda _wall_s: True)
    path = tmp_path / "meshward.toml"
    path.write_text(f'connect = "{node}"\ndata = "kept"\n[http]\nbind = "{free_port()}"\n')
    return path


def test_the_command_says_that_all_is_well(file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, output = shown(capsys)
    assert status == 0
    assert "All is well." in output
    assert "meshward.toml is valid" in output
    assert all(len(line) <= 80 for line in output.splitlines())


def test_the_command_fails_where_a_check_does(file, capsys):
    file.write_text(f'connect = "127.0.0.1:{free_port()}"\n[http]\nbind = "{free_port()}"\n')
    status, output = shown(capsys, "--data", "elsewhere", "--json")
    report = json.loads(output)
    assert (status, report["ok"]) == (1, False)
    failed = [check["name"] for check in report["checks"] if not check["ok"]]
    assert failed == ["node 127.0.0.1"]
    assert str(file.parent / "elsewhere") in output
