"""JSON Schemas of profile "meshward" and of what can be asked, made from the types of the payloads."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from meshward.bridges.mqtt import payloads, texts_part
from meshward.bridges.mqtt.control import progress, proposal, requests
from meshward.rollout import spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Described:
    """What is published on a topic, or taken from there."""

    name: str
    """Of its schema."""
    topic: str
    payload: type[msgspec.Struct]
    retained: bool = True


PUBLISHED = (
    Described("nodes", "PREFIX/status/nodes", payloads.Nodes),
    Described("topology", "PREFIX/status/topology", payloads.Topology),
    Described("metrics", "PREFIX/status/metrics", payloads.MeshMetrics),
    Described("alerts", "PREFIX/status/alerts", payloads.Alerts),
    Described("node", "PREFIX/status/node/ID", payloads.Node),
    Described("node-health", "PREFIX/status/node/ID/health", payloads.NodeHealth),
    Described("node-availability", "PREFIX/status/node/ID/availability", payloads.Availability),
    Described("node-update", "PREFIX/status/node/ID/update", payloads.Update),
    Described("bridge-state", "PREFIX/bridge/state", payloads.BridgeState),
    Described("bridge-info", "PREFIX/bridge/info", payloads.BridgeInfo),
    Described("bridge-health", "PREFIX/bridge/health", payloads.BridgeHealth),
    Described("rollout", "PREFIX/ota/status/ROLLOUT", progress.RolloutProgress),
    Described("updates", "PREFIX/ota/status", proposal.ProposedStatus),
    Described("event", "PREFIX/event", payloads.Event, retained=False),
    Described("response", "PREFIX/ota/response/ACTION", payloads.Response, retained=False),
    Described("text", "PREFIX/message/ID", texts_part.Text, retained=False),
)
TAKEN = (
    Described("start", "PREFIX/ota/request/start", requests.StartRequest, retained=False),
    Described("act", "PREFIX/ota/request/ACTION", requests.ActRequest, retained=False),
    Described("status", "PREFIX/ota/request/status", requests.StatusRequest, retained=False),
    Described("proposed", "PREFIX/ota/command", proposal.ProposedCommand, retained=False),
    Described("send-text", "PREFIX/message/ID/send", requests.TextRequest, retained=False),
    Described("send-command", "PREFIX/command/ID/send", requests.CommandRequest, retained=False),
)
"""What may be asked, where it is switched on."""

_MODULES = (payloads, progress, requests, proposal, texts_part, spec)
"""Where the types are; those that others come from first."""


def schema(described: Described) -> dict[str, Any]:
    """The schema of what is published on a topic."""
    _, parts = msgspec.json.schema_components([described.payload], ref_template="#/$defs/{name}")
    for name, part in parts.items():
        _describe(part, field_texts().get(name, {}))
    own: dict[str, Any] = parts.pop(described.payload.__name__)
    head = {"$schema": DIALECT, "$id": f"urn:meshward:mqtt:{described.name}"}
    return head | own | ({"$defs": parts} if parts else {})


def file_name(described: Described) -> str:
    """Of its schema."""
    return f"{described.name}.schema.json"


def encoded(described: Described) -> bytes:
    """Its schema, as the file has it."""
    return msgspec.json.format(msgspec.json.encode(schema(described)), indent=2) + b"\n"


@functools.cache
def field_texts() -> Mapping[str, Mapping[str, str]]:
    """What is said of each field of each payload, by type and field."""
    texts: dict[str, dict[str, str]] = {}
    for module in _MODULES:
        for one in ast.parse(inspect.getsource(module)).body:
            if isinstance(one, ast.ClassDef):
                inherited = [texts.get(base.id, {}) for base in one.bases if isinstance(base, ast.Name)]
                texts[one.name] = dict(item for base in inherited for item in base.items())
                texts[one.name] |= _fields(one)
    return texts


def _fields(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Each field and the text below it."""
    for field, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = after.value if isinstance(after, ast.Expr) else None
            yield field.target.id, str(said.value) if isinstance(said, ast.Constant) else ""


def _describe(part: dict[str, Any], texts: Mapping[str, str]) -> None:
    for name, field in part.get("properties", {}).items():  # enumerations have none
        if texts.get(name):
            field["description"] = " ".join(texts[name].split())
        if name == "at" or name.endswith("_at"):
            _mark_times(field)


def _mark_times(field: dict[str, Any]) -> None:
    for one in [field, *field.get("anyOf", [])]:
        if one.get("type") == "string":
            one["format"] = "date-time"
