"""Which schema a message has to fit, by the topic that it is published on."""

import json
import re
from functools import cache
from pathlib import Path

import jsonschema_rs

from meshward.bridges.mqtt.schemas import PUBLISHED, schema

ALTERIOM = Path(__file__).parents[1] / "data" / "alteriom-mqtt"
ALTERIOM_SCHEMAS = {
    "PREFIX/status/nodes": ("mesh_node_list", 600),
    "PREFIX/status/topology": ("mesh_topology", 601),
    "PREFIX/status/metrics": ("mesh_metrics", 605),
    "PREFIX/status/alerts": ("mesh_alert", 602),
    "PREFIX/status/node/ID": ("device_info", 104),
    "PREFIX/status/node/ID/health": ("device_metrics", 105),
    "PREFIX/status/node/ID/availability": ("device_status", 103),
    "PREFIX/status/node/ID/update": ("firmware_status", 500),
    "PREFIX/bridge/state": ("gateway_status", 304),
    "PREFIX/bridge/info": ("gateway_info", 305),
    "PREFIX/bridge/health": ("gateway_metrics", 306),
    "PREFIX/event": ("envelope", None),
    "PREFIX/ota/response/ACTION": ("command_response", 401),
    "PREFIX/ota/status/ROLLOUT": ("firmware_status", 500),
    "PREFIX/ota/status": ("firmware_status", 500),
    "PREFIX/message/ID": ("envelope", None),
}


def kind_of(topic: str) -> str:
    """A topic as the reference writes it."""
    kind = re.sub(r"^(.*?)/(status|bridge|event|ota|message)\b", r"PREFIX/\2", topic)
    kind = re.sub(r"/(node|message)/\d+", r"/\1/ID", kind)
    kind = re.sub(r"/ota/response/\w+$", "/ota/response/ACTION", kind)
    return re.sub(r"/ota/status/\w+$", "/ota/status/ROLLOUT", kind)


def check(profile: str, topic: str, payload: bytes) -> dict:
    """The message, which fits its schema; fails saying why it does not."""
    value = json.loads(payload, parse_constant=_no_constant)
    kind = kind_of(topic)
    if profile == "meshward":
        _meshward(kind).validate(value)
    else:
        name, code = ALTERIOM_SCHEMAS[kind]
        _alteriom(name).validate(value)
        assert value.get("message_type") == code
    return value


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@cache
def _meshward(kind: str) -> jsonschema_rs.Draft202012Validator:
    (published,) = [one for one in PUBLISHED if one.topic == kind]
    closed = schema(published)
    for part in [closed, *closed.get("$defs", {}).values()]:
        part["additionalProperties"] = False  # we send nothing that is not described
    return jsonschema_rs.Draft202012Validator(closed, validate_formats=True)


@cache
def _alteriom(name: str) -> jsonschema_rs.Draft202012Validator:
    schemas = {path.name: json.loads(path.read_text("utf-8")) for path in ALTERIOM.glob("*.schema.json")}
    registry = jsonschema_rs.Registry([(one["$id"], one) for one in schemas.values()])
    return jsonschema_rs.Draft202012Validator(
        schemas[f"{name}.schema.json"], registry=registry, validate_formats=True
    )
