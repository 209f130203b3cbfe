"""The bridge to a database: what is written, and what happens while it is not taken."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from random import Random

from structlog.testing import capture_logs

from meshward.bridges import clock
from meshward.bridges.influx import bridge as module
from meshward.bridges.influx.address import read_address
from meshward.bridges.influx.bridge import InfluxBridge
from meshward.bridges.influx.writer import Writer
from meshward.errors import StoreError
from meshward.gateway.bridge_views import NodeSample
from tests.support.certificates import Authority
from tests.support.gateway_values import event
from tests.support.health_values import NOW_S, node_status
from tests.support.line_parser import parse
from tests.support.line_server import TAKEN, LineServer, Mesh
from tests.support.receivers import answer, listening
from tests.support.web import until

BUSY = answer(503, "busy")


@asynccontextmanager
async def bridging(server, folder, asked=None, *, period_s=0.02, **options):
    """A bridge at work; cancelled as the gateway ends it."""
    asked = asked or Mesh(node_status(1001, metrics={}))
    async with listening(server.serve) as port:
        made = InfluxBridge(
            asked,
            f"http://127.0.0.1:{port}/write?db=mesh",
            folder,
            Random(1),
            **{"mesh": "garden", "period_s": period_s, "now_s": asked.clock, **options},
        )
        made._pauses = Quick()
        task = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Quick:
    """Pauses that are over at once, and counted."""

    def __init__(self):
        self.taken = 0

    def next_s(self):
        self.taken += 1
        return 0.005

    def reset(self):
        pass


def times(lines, measurement="painlessmesh_mesh"):
    """Minutes since the start, of one measurement."""
    parsed = [parse(line) for line in lines]
    return [round((at_ns / 1e9 - NOW_S) / 60) for name, _, _, at_ns in parsed if name == measurement]


def texts(lines):
    parsed = [parse(line) for line in lines]
    return [fields["text"] for name, _, fields, _ in parsed if name == "painlessmesh_event"]


async def test_the_mesh_is_written_once_per_period(tmp_path):
    server = LineServer()
    async with bridging(server, tmp_path) as bridge:
        await until(lambda: len(times(server.taken)) >= 3)
        view = bridge.record.view()

    assert times(server.taken)[:3] == [0, 1, 2]
    assert times(server.taken, "painlessmesh_node")[:3] == [0, 1, 2]
    assert (view.state, view.kind, view.dropped) == ("up", "influx", 0)
    assert view.sent >= 4
    assert view.sent_bytes > 0
    assert view.name.endswith("/write?db=mesh")
    assert "writes every 0.02 s" in view.text


async def test_what_happened_in_the_last_hour_is_written_and_then_what_happens(tmp_path):
    server, mesh = LineServer(), Mesh()
    mesh.log = [
        event(1, "old", at="2026-11-25T10:00:00Z"),
        event(2, "a while ago", at="2026-11-25T11:30:00Z"),
    ]
    async with bridging(server, tmp_path, mesh):
        await until(lambda: texts(server.taken))
        mesh.log.append(event(3, "now"))
        await until(lambda: "now" in texts(server.taken))
        count = len(times(server.taken))
        await until(lambda: len(times(server.taken)) > count + 2)

    assert texts(server.taken) == ["a while ago", "now"]


async def test_events_that_cannot_be_read_come_later(tmp_path):
    server, mesh = LineServer(), Mesh()
    mesh.log = [event(1, "at last")]
    mesh.events_error = StoreError("the disk is away")
    async with bridging(server, tmp_path, mesh):
        await until(lambda: len(times(server.taken)) >= 2)
        assert texts(server.taken) == []
        mesh.events_error = None
        await until(lambda: texts(server.taken) == ["at last"])


async def test_what_a_database_does_not_take_waits_and_comes_in_order(tmp_path):
    server = LineServer(answers=[BUSY] * 10)
    async with bridging(server, tmp_path) as bridge:
        await until(lambda: bridge.record.state == "failing" and bridge.record.waiting > 0)
        assert "503" in bridge.record.text
        await until(lambda: bridge.record.state == "up" and bridge.record.waiting <= 4)
        written = times(server.taken)

    assert sorted(written) == list(range(len(written)))
    assert bridge.record.dropped == 0


async def test_the_backlog_goes_oldest_first_and_live_lines_do_not_wait_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("meshward.bridges.influx.spool.PIECE_LINES", 2)  # a look has two lines
    server, mesh = LineServer(answers=[BUSY] * 10_000), Mesh(node_status(1001, metrics={}))
    async with bridging(server, tmp_path, mesh, period_s=0.005) as bridge:
        await until(lambda: bridge.record.waiting >= 100)
        last = round((mesh.now_s - NOW_S) / 60)
        server.answers.clear()
        await until(lambda: len({minute for minute in times(server.taken) if minute < last}) == last)
        written = times(server.taken)

    backlog = [minute for minute in written if minute < last]
    assert backlog == list(range(last))
    assert any(minute > last for minute in written[: written.index(last - 1)])


async def test_what_waits_survives_the_gateway(tmp_path):
    away = LineServer(answers=[BUSY] * 10_000)
    async with bridging(away, tmp_path) as first:
        await until(lambda: first.record.waiting >= 6)

    server = LineServer()
    mesh = Mesh(node_status(1001, metrics={}))
    mesh.now_s = NOW_S + 100 * 60
    async with listening(server.serve) as port:
        # The same address as before, as far as the spool is concerned.
        (folder,) = tmp_path.iterdir()
        made = InfluxBridge(
            mesh, f"http://127.0.0.1:{port}/write?db=mesh", tmp_path, Random(1),
            mesh="garden", period_s=60, now_s=mesh.clock,
        )  # fmt: skip
        folder.rename(tmp_path / _folder(made))
        task = asyncio.create_task(made.run())
        await until(lambda: made.record.waiting == 0 and len(times(server.taken)) > 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    written = times(server.taken)
    waited = [minute for minute in written if minute < 100]
    assert waited == list(range(len(waited)))
    assert len(waited) >= 3


def _folder(bridge):
    return bridge._backlog._spool._folder.name


async def test_lines_that_are_under_way_when_it_ends_go_to_the_disk(tmp_path):
    server = LineServer(answers=[None])
    async with bridging(server, tmp_path, period_s=60):
        await until(lambda: len(server.requests) == 1)

    (folder,) = tmp_path.iterdir()
    (piece,) = folder.iterdir()
    assert piece.read_bytes() == server.requests[0].body


async def test_refused_lines_are_left_out_counted_and_told_once(tmp_path):
    server = LineServer(stuck="painlessmesh_mesh")
    with capture_logs() as logs:
        async with bridging(server, tmp_path) as bridge:
            await until(lambda: bridge.record.dropped >= 6)
            view = bridge.record.view()

    assert view.state == "failing"
    assert "this line is stuck" in view.text
    assert view.waiting <= 2
    assert sum(entry["event"].startswith("lines were refused") for entry in logs) == 1
    assert sum(entry["event"].startswith("bridge does not work") for entry in logs) == 1


async def test_a_partial_write_is_no_failure(tmp_path):
    partial = answer(400, '{"error": "partial write: field type conflict dropped=1"}')
    server = LineServer(answers=[partial, partial])
    async with bridging(server, tmp_path) as bridge:
        await until(lambda: bridge.record.dropped == 2)
        assert bridge.record.state == "up"
        assert "field type conflict" in bridge.record.text
        await until(lambda: "field type conflict" not in bridge.record.text)

    assert bridge.record.sent >= 4


async def test_a_request_that_is_too_large_is_sent_in_parts(tmp_path):
    mesh = Mesh(*(node_status(number, metrics={}) for number in range(1, 21)))
    server = LineServer(lines_max=4)
    async with bridging(server, tmp_path, mesh, period_s=60) as bridge:
        await until(lambda: bridge.record.sent == 21)

    assert len(set(server.taken)) == len(server.taken) == 21
    assert bridge.record.dropped == 0


async def test_one_line_that_is_too_large_is_left_out(tmp_path):
    server = LineServer(lines_max=0)
    async with bridging(server, tmp_path, period_s=60) as bridge:
        await until(lambda: bridge.record.dropped == 2)

    assert bridge.record.waiting == 0


async def test_a_wrong_token_is_told_and_nothing_is_lost(tmp_path):
    server = LineServer(answers=[answer(401, '{"message": "unauthorized access"}')] * 3)
    async with bridging(server, tmp_path) as bridge:
        await until(lambda: bridge.record.state == "failing")
        assert "unauthorized access" in bridge.record.text
        assert "influx.token" in bridge.record.text
        await until(lambda: bridge.record.state == "up" and len(times(server.taken)) >= 3)
        written = times(server.taken)

    assert sorted(written) == list(range(len(written)))


async def test_a_database_that_hangs_holds_up_nothing(tmp_path):
    server = LineServer(answers=[None, None])
    async with bridging(server, tmp_path, limit_s=0.1) as bridge:
        await until(lambda: bridge.record.state == "failing")
        assert "did not answer" in bridge.record.text
        await until(lambda: bridge.record.state == "up" and bridge.record.waiting <= 4)
        written = times(server.taken)

    assert sorted(written) == list(range(len(written)))


async def test_memory_holds_few_requests_while_one_is_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LIVE_MAX", 3)
    server = LineServer(answers=[None])
    async with bridging(server, tmp_path, period_s=0.01, limit_s=30) as bridge:
        await until(lambda: bridge.record.waiting >= 20)
        assert len(bridge._live) == 3


async def test_a_bridge_with_nothing_to_send_does_nothing(tmp_path):
    server = LineServer()
    async with bridging(server, tmp_path, period_s=60) as bridge:
        await until(lambda: bridge.record.sent == 2)
        looks = []
        oldest = bridge._backlog.oldest
        bridge._backlog.oldest = lambda: looks.append(1) or oldest()
        for _ in range(1000):
            await asyncio.sleep(0)
        await asyncio.to_thread(lambda: None)

    assert len(looks) <= 2


async def test_nothing_is_written_before_the_mesh_has_a_name(tmp_path):
    server, mesh = LineServer(), Mesh(own_id=None)
    async with bridging(server, tmp_path, mesh, mesh="") as bridge:
        looked_s = mesh.now_s
        await until(lambda: mesh.now_s > looked_s + 300)
        assert server.requests == []
        assert bridge.record.waiting == 0


async def test_the_database_says_when_to_come_back(tmp_path):
    server = LineServer(answers=[answer(429, "slow down", **{"Retry-After": "1"}), TAKEN])
    async with bridging(server, tmp_path) as bridge:
        await until(lambda: bridge.record.state == "failing")
        assert bridge._pauses.taken == 0
        await until(lambda: bridge.record.state == "up")


def measured(lines):
    """Signals by second since the start."""
    parsed = [parse(line) for line in lines]
    return {
        round(at_ns / 1e9 - NOW_S): fields["rssi_dbm"]
        for _, _, fields, at_ns in parsed
        if "rssi_dbm" in fields
    }


async def test_every_sample_of_a_frame_is_written_once(tmp_path):
    server, mesh = LineServer(), Mesh()
    async with bridging(server, tmp_path, mesh):
        await until(lambda: server.taken)
        start_s = mesh.now_s - NOW_S
        for ago_s in (240, 180, 120, 60, 0):
            mesh.measure(1001, ago_s=ago_s, rssi_dbm=-60.0 - ago_s)
        await until(lambda: len(measured(server.taken)) == 5)
        count = len(times(server.taken))
        await until(lambda: len(times(server.taken)) > count + 2)

    assert measured(server.taken) == {start_s - ago_s: -60.0 - ago_s for ago_s in (240, 180, 120, 60, 0)}
    assert sum("rssi_dbm" in line for line in server.taken) == 5


async def test_a_burst_is_written_before_the_period_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAMPLES_AT_ONCE", 3)
    server, mesh = LineServer(), Mesh()
    async with bridging(server, tmp_path, mesh, period_s=3600):
        await until(lambda: server.taken)
        mesh.measure(1001, rssi_dbm=-60.0)
        mesh.measure(1001, ago_s=1, rssi_dbm=-61.0)
        mesh.measure(1001, ago_s=2, rssi_dbm=-62.0)
        await until(lambda: len(measured(server.taken)) == 3)


async def test_what_a_burst_has_too_much_is_left_out_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAMPLES_MAX", 10)
    server, mesh = LineServer(), Mesh(own_id=None)
    async with bridging(server, tmp_path, mesh, mesh="") as bridge:
        await until(lambda: mesh.now_s > NOW_S + 60)
        for ago_s in range(14):
            mesh.measure(1001, ago_s=ago_s, rssi_dbm=-60.0)
        await until(lambda: bridge.record.dropped == 4)
        assert len(bridge._samples) == 10


async def test_samples_of_the_last_minute_go_to_the_disk_when_it_ends(tmp_path):
    server, mesh = LineServer(), Mesh(node_status(1001, metrics={}))
    async with bridging(server, tmp_path, mesh, period_s=3600) as bridge:
        await until(lambda: bridge.record.sent == 2)
        mesh.measure(1001, rssi_dbm=-60.0)
        await until(lambda: bridge._samples)

    (folder,) = tmp_path.iterdir()
    (piece,) = folder.iterdir()
    assert measured(piece.read_text().splitlines()) == {60: -60.0}


async def test_nothing_is_written_while_the_clock_is_not_set(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0.01)
    server, mesh = LineServer(), Mesh()
    mesh.now_s = 5000.0
    async with bridging(server, tmp_path, mesh) as bridge:
        await until(lambda: bridge.record.state == "failing")
        assert bridge.record.text.startswith("waits: the clock of this machine is not set")
        mesh.measure(1001, rssi_dbm=-60.0)
        await until(lambda: bridge._missed == 1)
        assert (server.requests, bridge.record.waiting) == ([], 0)
        mesh.now_s = NOW_S
        await until(lambda: bridge.record.state == "up")

    assert times(server.taken)[0] == 0
    assert measured(server.taken) == {}


async def test_a_proxy_of_the_environment_gets_nothing(tmp_path, monkeypatch):
    proxy, server = LineServer(), LineServer()
    async with listening(proxy.serve) as port:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with bridging(server, tmp_path) as bridge:
            await until(lambda: bridge.record.sent > 0)

    assert server.taken
    assert proxy.requests == []


async def test_an_authority_that_the_machine_trusts_is_trusted(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    pair = authority.pair("database")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.cert, pair.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    server = LineServer()
    async with listening(server.serve, tls) as port:
        writer = Writer(read_address(f"https://localhost:{port}/write?db=mesh", None), 5.0)
        async with writer:
            answered = await writer.write(b"a b=1 1\n")

    assert answered.outcome == "taken", answered.words


async def test_samples_are_not_lost_while_the_store_is_slow_and_the_gateway_ends(tmp_path):
    mesh = Mesh(node_status(1001, metrics={}))
    mesh.told = [NodeSample(node=1001, at_s=NOW_S, values={"heap_free_bytes": 41_216.0})]
    asked = asyncio.Event()

    async def never(**_):
        asked.set()
        await asyncio.Event().wait()

    mesh.events = never
    async with bridging(LineServer(), tmp_path, mesh, period_s=60):
        await asked.wait()

    (folder,) = tmp_path.iterdir()
    (piece,) = folder.iterdir()
    assert b"heap_free_bytes=41216" in piece.read_bytes()
