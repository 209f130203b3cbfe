"""schemathesis tries everything in the API's own description on the real service, with data in its store."""

import asyncio
import time

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks

from meshward.firmware.synthetic import synthetic_image
from meshward.gateway.core_service import CoreService
from meshward.gateway.health_views import NewSilence, RulePatch
from meshward.gateway.service import Caller
from meshward.gateway.views import NewToken, NodePatch
from meshward.rollout.changes import NodeProven, Noted
from meshward.rollout.states import Action
from meshward.store.database import Database
from meshward.store.layout import DATABASE, FIRMWARE
from meshward.store.library import Library
from meshward.store.rollouts import save_run
from meshward.web.app import WebOptions, make_app
from tests.integration.test_web_schema import CHECKS, OPERATIONS
from tests.support.gateway import APP_8266, add, hear, see, spec
from tests.support.store import record, run
from tests.support.web import bearer

ADMIN = Caller("ada", "admin")
NODES = range(1001, 1021)
SMALL_APP = synthetic_image(2000)
HURRY = 50
SHORT_OF_HEAP = RulePatch(metric="heap_free_bytes", direction="below", threshold=50_000, for_s=0)


def quick_us():
    """A clock by which nobody waits for answers, for nothing here sends questions."""
    return time.monotonic_ns() // 1000 * HURRY


async def filled(path):
    """A service with something of everything, what names it, and a token for all of it."""
    database = Database(path / DATABASE)
    await database.open()
    service = CoreService(database, Library(path / FIRMWARE), now_us=quick_us)
    await service.open()
    await see(service, *NODES)
    image, _ = await add(service)
    await add(service, APP_8266, name="other.bin", notes="for the others")
    for node in NODES:
        service.engine.tell(NodeProven(node, "ESP32", "sensor", image.sha256, "answered when asked"))
        service.engine.tell(Noted("node.joined", f"node {node} joined", "info", node))
    await service.keep()
    await service.patch_node(1001, NodePatch(name="Hall", tags=["warm"], excluded=True), ADMIN)
    for _ in range(3):
        await service.create_rollout(spec(image.sha256), ADMIN)
    await service.act("r2", Action.PAUSE, ADMIN, "lunch")
    await service.act("r3", Action.ABORT, ADMIN)
    await database.write(save_run, run("r1.1", record(1001), record(1002)), service.now_s())
    await see(service, *NODES[:-1])
    await service.patch_rule("short_of_heap", SHORT_OF_HEAP, ADMIN)
    for node in NODES[:3]:
        hear(service, node, mem=40, uptime=100, fw="2.0")
    service.monitor.wall_s = service.now_s()
    service.monitor.commands(service.now_us())
    alert = (await service.alerts(state=["firing"])).items[0]
    silence = await service.create_silence(NewSilence(rules=["hot"], duration_s=1e6), ADMIN)
    ours = await service.create_token(NewToken(role="admin", name="ours"), ADMIN)
    other = await service.create_token(NewToken(role="viewer", name="other"), ADMIN)
    real = {
        "node_id": 1001,
        "sha256": image.sha256,
        "rollout_id": "r1",
        "update_id": "r1.1",
        "token_id": other.id,
        "action": "pause",
        "alert_id": alert.id,
        "silence_id": silence.id,
        "rule_name": "short_of_heap",
    }
    return service, real, ours


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    load_all_checks()
    service, real, ours = asyncio.run(filled(tmp_path_factory.mktemp("data")))
    options = WebOptions(
        hosts=("testserver",), requests_per_s=1e6, requests_burst=10**6, failures_burst=10**9
    )
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", make_app(service, options))
    schema.config.generation.update(with_security_parameters=False)  # ours are sent in their place
    yield schema, real, ours
    asyncio.run(service.database.close())


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_real_service_conforms(api, method, path):
    schema, real, ours = api
    operation = schema[path][method]
    known = {name: value for name, value in real.items() if f"{{{name}}}" in path}
    cases = [
        operation.as_strategy(),
        operation.as_strategy(GenerationMode.NEGATIVE),
        operation.as_strategy(path_parameters=known or None),
    ]
    if (method, path) == ("POST", "/api/v1/firmware"):
        cases.append(operation.as_strategy(body=SMALL_APP))

    @given(case=st.one_of(cases))
    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def conforms(case):
        # Its own token must go on working.
        if (method, case.path_parameters.get("token_id")) != ("DELETE", ours.id):
            case.call_and_validate(headers=bearer(ours.token), checks=CHECKS)

    conforms()
