"""A real Prometheus scrapes /metrics of the web application, with a token, and evaluates what we ship."""

from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from meshward.bridges.prometheus.exporter import Exporter
from tests.support.prometheus import promtool, run_tool, scraping
from tests.support.scraped_service import ScrapedService
from tests.support.web import bearer, client_of, fake_app, served

EXAMPLES = Path(__file__).parents[2] / "examples" / "prometheus"
RULES_TEST = Path(__file__).parents[1] / "data" / "prometheus" / "alerts_test.yml"
RULES = tuple(EXAMPLES / f"{name}.yml" for name in ("gateway", "mesh", "recording"))


@asynccontextmanager
async def exporting(service, **options):
    """The application of a service with its metrics; gives "host:port"."""
    exporter = Exporter(service, "garden")
    app, _ = fake_app(service, metrics=exporter.scrape, **options)
    async with served(app) as (host, port):
        yield f"{host}:{port}"


async def test_prometheus_scrapes_with_a_token_and_joins_values_with_names(tmp_path):
    service = ScrapedService()
    async with (
        exporting(service) as target,
        scraping(target, tmp_path, token=service.secret("viewer"), rules=RULES) as prometheus,
    ):
        await prometheus.until("painlessmesh_node_heap_free_bytes")
        found = await prometheus.query(
            "painlessmesh_node_heap_free_bytes * on(node) group_left(name) painlessmesh_node_info"
        )
        values = {one["metric"]["name"]: float(one["value"][1]) for one in found}
        assert values == {"node 1": 41216.0, "node 2": 41216.0, "node 3": 29440.0, "node 6": 41216.0}
        assert await prometheus.value('painlessmesh_nodes{state="offline"}') == 1
        (scraped,) = await prometheus.targets()
        assert (scraped["health"], scraped["lastError"]) == ("up", "")

        await prometheus.until("instance:painlessmesh_node_heap_free_bytes:min")
        rules = await prometheus.rules()
        assert {rule["lastError"] for rule in rules if rule.get("lastError")} == set()
        assert len(rules) > 15


async def test_what_is_exported_pleases_promtool():
    service = ScrapedService()
    app, _ = fake_app(service, metrics=Exporter(service, "garden").scrape)
    async with client_of(app, service.secret("viewer")) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await promtool("check", "metrics", stdin=answer.content) == (0, "")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
async def test_the_rules_shipped_please_promtool(path):
    code, output = await promtool("check", "rules", "--lint=all", "--lint-fatal", path)
    assert code == 0, output


async def test_the_configuration_shipped_pleases_promtool(tmp_path):
    for file in EXAMPLES.glob("*.yml"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "meshward-token").write_text("mw_…")
    code, output = await promtool("check", "config", tmp_path / "prometheus.yml")
    assert code == 0, output


async def test_the_alertmanager_configuration_shipped_pleases_amtool():
    code, output = await run_tool("amtool", "check-config", EXAMPLES / "alertmanager.yml")
    assert code == 0, output


async def test_the_alert_rules_fire_when_they_should():
    code, output = await promtool("test", "rules", RULES_TEST)
    assert code == 0, output


async def test_metrics_need_a_token_unless_they_are_for_anybody():
    service = ScrapedService()
    make = Exporter(service, "").scrape
    app, _ = fake_app(service, metrics=make)
    async with client_of(app) as client:
        assert (await client.get("/metrics")).status_code == 401
        for role in ("viewer", "operator", "admin"):
            assert (await client.get("/metrics", headers=bearer(service.secret(role)))).status_code == 200
    app, _ = fake_app(service, metrics=make, metrics_token=False)
    async with client_of(app) as client:
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert b'painlessmesh_gateway_info{mesh="mesh-7",own_id="7",version="0"} 1.0' in answer.content
        # Nothing else is open by that.
        assert (await client.get("/api/v1/nodes")).status_code == 401


async def test_head_tells_the_size_alone():
    service = ScrapedService()
    async with (
        exporting(service, metrics_token=False) as target,
        httpx.AsyncClient(base_url=f"http://{target}", trust_env=False) as client,
    ):
        head, got = await client.head("/metrics"), await client.get("/metrics")
        assert (head.status_code, head.content) == (200, b"")
        assert abs(int(head.headers["content-length"]) - len(got.content)) < 100


async def test_metrics_that_are_switched_off_are_a_problem_that_says_how_to_have_them():
    app, service = fake_app()
    async with client_of(app, service.secret("viewer")) as client:
        answer = await client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "[prometheus]" in answer.json()["detail"]
