"""schemathesis reads the API's own description and tries everything in it."""

import hashlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi import checks

from meshward.web.access import ACCESS, METRICS, SITE, WEBSOCKET
from tests.support.fake_service import FakeService
from tests.support.web import bearer, fake_app

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.ignored_auth,
    checks.unsupported_method,
]
UNLISTED = {"/api/docs", "/api/docs/{name}", "/api/v1/openapi.json", METRICS, *SITE}
OPERATIONS = [route for route in ACCESS if route[0] != WEBSOCKET and route[1] not in UNLISTED]
IMAGE = b"\xe9 an image"
SHA256 = hashlib.sha256(IMAGE).hexdigest()
REAL = {
    "node_id": 1001,
    "sha256": SHA256,
    "rollout_id": "r1",
    "update_id": "ur1",
    "token_id": "t1",
    "action": "pause",
    "alert_id": "a3",
    "silence_id": "s1",
    "rule_name": "low_heap",
}


@pytest.fixture(scope="module")
def api():
    load_all_checks()
    service = FakeService()
    app, _ = fake_app(service, hosts=("testserver",), failures_burst=10**9)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    schema.config.generation.update(with_security_parameters=False)  # ours are sent in their place
    headers = bearer(service.secret("admin"))
    spec = {"name": "trial", "images": [SHA256], "target": {"roles": ["sensor"]}}
    for path, body in (("/api/v1/firmware", IMAGE), ("/api/v1/rollouts", spec)):
        kind = "application/octet-stream" if body is IMAGE else "application/json"
        case = schema[path]["POST"].Case(body=body, media_type=kind, headers=headers)
        assert case.call().status_code == 201
    return schema, headers


def test_all_operations_are_described(api):
    schema, _ = api
    described = {(found.ok().method.upper(), found.ok().path) for found in schema.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_conforms(api, method, path):
    schema, headers = api
    operation = schema[path][method]
    real = {name: value for name, value in REAL.items() if f"{{{name}}}" in path}
    cases = [
        operation.as_strategy(),
        operation.as_strategy(GenerationMode.NEGATIVE),
        operation.as_strategy(path_parameters=real or None),
    ]

    @given(case=st.one_of(cases))
    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def conforms(case):
        # Its own tokens must go on working.
        if (method, case.path_parameters.get("token_id")) != ("DELETE", "t2"):
            case.call_and_validate(headers=headers, checks=CHECKS)

    conforms()
