"""schemathesis tries everything in the API's own description on the real service, with data in its store."""

import asyncio

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks

from meshward.firmware.synthetic import synthetic_image
from meshward.gateway.core_service import CoreService
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
from tests.support.gateway import APP_8266, add, see, spec
from tests.support.store import record, run
from tests.support.web import bearer

ADMIN = Caller("ada", "admin")
NODES = range(1001, 1021)
SMALL_APP = synthetic_image(2000)


async def filled(path):
    """A service with something of everything, what names it, and a token for all of it."""
    database = Database(path / DATABASE)
    await database.open()
    service = CoreService(database, Library(path / FIRMWARE))
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
    ours = await service.create_token(NewToken(role="admin", name="ours"), ADMIN)
    other = await service.create_token(NewToken(role="viewer", name="other"), ADMIN)
    real = {
        "node_id": 1001,
        "sha256": image.sha256,
        "rollout_id": "r1",
        "update_id": "r1.1",
        "token_id": other.id,
        "action": "pause",
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
