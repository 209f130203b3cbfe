"""Our alerts in a real Alertmanager: they come, change, end, and end by themselves when the gateway is gone."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import httpx
import pytest

from meshward.bridges.prometheus.alertmanager import AlertmanagerBridge
from tests.support.health_values import alert
from tests.support.programs import find, free_port, running
from tests.support.scraped_service import ScrapedService
from tests.support.web import until

CONFIG = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


class Alertmanager:
    def __init__(self, client, url, program):
        self.url = url
        self.program = program
        self._client = client

    async def alerts(self):
        """Those that fire there, by rule."""
        answer = await self._client.get(f"{self.url}/api/v2/alerts")
        return {one["labels"]["alertname"]: one for one in answer.json()}

    async def until(self, condition, within_s=20):
        """The alerts as soon as they are so."""
        async with asyncio.timeout(within_s):
            while not condition(found := await self.alerts()):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def alertmanager(folder, port=None):
    port = port or free_port()
    (folder / "alertmanager.yml").write_text(CONFIG)
    arguments = [
        find("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    async with (
        running(arguments, folder / "log", port) as program,
        httpx.AsyncClient(trust_env=False, timeout=10) as client,
    ):
        yield Alertmanager(client, f"http://127.0.0.1:{port}", program)


@asynccontextmanager
async def bridged(url, service, every_s=60.0, mesh="garden"):
    bridge = AlertmanagerBridge(url, service, mesh, "https://mesh.example/", Random(1), every_s=every_s)
    task = asyncio.create_task(bridge.run())
    try:
        yield bridge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def service():
    made = ScrapedService()
    made.alerts_by_id = {}
    return made


async def test_an_alert_is_shown_changes_its_severity_and_is_resolved(service, tmp_path):
    async with alertmanager(tmp_path) as real, bridged(real.url, service) as bridge:
        await until(lambda: bridge.record.state == "up")
        service.tell_alert(alert("a1", node=1005, name="Kitchen", severity="warning"))
        found = (await real.until(lambda alerts: alerts))["silent_node"]
        assert found["labels"] == {
            "alertname": "silent_node",
            "severity": "warning",
            "mesh": "garden",
            "node": "1005",
        }
        assert found["annotations"]["summary"] == "node 1005 has been silent for 90 minutes"
        assert found["annotations"]["node_name"] == "Kitchen"
        assert found["generatorURL"] == "https://mesh.example/#/alerts"
        assert found["startsAt"] == "2026-11-25T10:30:00.000Z"

        service.tell_alert(alert("a1", node=1005, severity="critical"))
        await real.until(
            lambda alerts: [one["labels"]["severity"] for one in alerts.values()] == ["critical"]
        )
        service.tell_alert(alert("a1", node=1005, severity="critical", state="resolved"))
        await real.until(lambda alerts: not alerts)
        await until(lambda: bridge.record.text == "0 alerts are firing there")
        assert (bridge.record.state, bridge.record.waiting, bridge.record.dropped) == ("up", 0, 0)


async def test_alerts_end_by_themselves_after_the_gateway_is_gone(service, tmp_path):
    async with alertmanager(tmp_path) as real:
        async with bridged(real.url, service, every_s=1.1):
            service.tell_alert(alert("a1"))
            await real.until(lambda alerts: alerts)
        await real.until(lambda alerts: not alerts)


async def test_an_alertmanager_that_comes_back_empty_is_told_again(service, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    port = free_port()
    service.tell_alert(alert("a1", rule="weak_link", severity="warning"))
    async with bridged(f"http://127.0.0.1:{port}", service, every_s=2.0) as bridge:
        async with alertmanager(tmp_path / "one", port) as real:
            await real.until(lambda alerts: "weak_link" in alerts)
        await until(lambda: bridge.record.state == "failing")
        assert bridge.record.text.startswith("cannot be reached: ")
        assert bridge.record.waiting == 1
        service.tell_alert(alert("a2", rule="low_heap", severity="warning"))
        async with alertmanager(tmp_path / "two", port) as real:
            await real.until(lambda alerts: set(alerts) == {"weak_link", "low_heap"})
            await until(lambda: (bridge.record.state, bridge.record.waiting) == ("up", 0))
