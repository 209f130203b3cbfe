"""The reference of topics and payloads, as a page of the documentation, made from the types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshward.bridges.mqtt.examples import EXAMPLES
from meshward.bridges.mqtt.schemas import PUBLISHED, TAKEN, Described, file_name, schema

_HEAD = """\
# MQTT: topics and payloads

Made by `scripts/write-mqtt-docs` from the types in `src/meshward/bridges/mqtt/payloads.py`; change those.

`PREFIX` is `mqtt.prefix` of the configuration, `mesh` where nothing is set; `ID` is the id of a node in
decimal digits. Payloads are JSON objects in UTF-8. What is at its default is left out. Times are ISO 8601 in
UTC. Readers should pass over keys that they do not know: some may come to it without another `protocol` in
`PREFIX/bridge/info`.

What is retained lies at the broker for whoever subscribes later, and is cleared when its node is forgotten.
What changed is sent at once, but at most about once a second; values that change all the time, at every
`mqtt.period_s`.

## Topics of profile `meshward`
"""

_TAKEN = """\
## Topics that are read

Below `PREFIX/ota` with `mqtt.control`; texts with `mqtt.messages` and commands for nodes with
`mqtt.commands`, neither of which needs `mqtt.control`; `install` is Home Assistant's, with
`homeassistant.install`. From a broker with `control=no` in its address nothing of that is taken. `check`
takes what `start` takes, and does nothing; ACTION is `approve`, `pause`, `resume`, `abort` or `rollback`.
Instead of an `ID`, `all` sends to every node. A text is sent as it is, and as `send-text` only where it has
to be signed.

What came of it is told, as `response`, at `PREFIX/ota/response/ACTION` (`start`, `check`, … and `command` for
`PREFIX/ota/command`), at `PREFIX/message/ID/response` and at `PREFIX/command/ID/response`.
"""

_ALTERIOM = """\
## Topics of profile `alteriom`

The same topics, with messages of Alteriom's MQTT schemas, version 1: the envelope with `device_id`
(`meshward-ID` for the gateway, the id for a node), ids as texts, and their words. What they have no field for
is added under a name of its own.

| topic | schema | `message_type` |
|---|---|---|
| `PREFIX/status/nodes` | mesh_node_list | 600 |
| `PREFIX/status/topology` | mesh_topology | 601 |
| `PREFIX/status/metrics` | mesh_metrics | 605 |
| `PREFIX/status/alerts` | mesh_alert; the rule's own name is in `rule` | 602 |
| `PREFIX/status/node/ID` | device_info | 104 |
| `PREFIX/status/node/ID/health` | device_metrics; `uptime_s` may be since it joined | 105 |
| `PREFIX/status/node/ID/availability` | device_status | 103 |
| `PREFIX/status/node/ID/update` | firmware_status; our word is in `state` | 500 |
| `PREFIX/bridge/state` | gateway_status | 304 |
| `PREFIX/bridge/info` | gateway_info | 305 |
| `PREFIX/bridge/health` | gateway_metrics | 306 |
| `PREFIX/event` | envelope | |
| `PREFIX/ota/response/ACTION` | command_response | 401 |
| `PREFIX/ota/status/ROLLOUT` | firmware_status, with the rollout in `rollout` | 500 |
| `PREFIX/ota/status` | firmware_status, with the proposal's word in `state` | 500 |
| `PREFIX/message/ID` | envelope, with the text in `text` | |
"""


_TYPES = {
    "": "anything",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "object",
}


def page() -> str:
    """The page, in Markdown."""
    lines = [_HEAD, "| topic | retained | schema |", "|---|---|---|"]
    lines += [f"| {_link(one)} | {'yes' if one.retained else 'no'} | {_file(one)} |" for one in PUBLISHED]
    lines += ["", _TAKEN, "| topic | schema |", "|---|---|"]
    lines += [f"| {_link(one)} | {_file(one)} |" for one in TAKEN]
    lines.append("| `PREFIX/ota/node/ID/install` | the text `install`; not answered |")
    lines += ["", _ALTERIOM.rstrip()]
    for one in (*PUBLISHED, *TAKEN):
        lines += ["", *_section(one)]
    return "\n".join([*lines, ""])


def _link(described: Described) -> str:
    return f"[`{described.topic}`](#{described.name})"


def _file(described: Described) -> str:
    return f"[{file_name(described)}](schemas/mqtt/{file_name(described)})"


def _section(described: Described) -> Iterator[str]:
    whole = schema(described)
    yield f"## {described.name}"
    yield ""
    yield _sentence(whole["description"])
    yield ""
    yield from _table(whole)
    parts = whole.get("$defs", {})
    for name in parts if "RolloutSpec" not in parts else ("UrlImage",):
        yield ""
        yield f"`{name}`: {_sentence(parts[name]['description'])}"
        yield ""
        yield from _table(parts[name])
    if "RolloutSpec" in parts:
        yield ""
        yield "`RolloutSpec` is in [rollouts](rollouts.md), and whole in the schema."
    yield ""
    yield "```json"
    yield msgspec.json.format(msgspec.json.encode(EXAMPLES[described.payload])).decode()
    yield "```"


def _table(part: dict[str, Any]) -> Iterator[str]:
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    required = part.get("required", [])
    for name, field in part["properties"].items():
        may = "" if name in required else ", may be missing"
        yield f"| `{name}` | {_type(field)}{may} | {field.get('description', '')} |"


def _type(field: dict[str, Any]) -> str:
    """In a few words."""
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field:
        return " or ".join(f"`{word}`" for word in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"] if one.get("type") != "null")
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"object of {_type(field['additionalProperties'])}"
    return "time" if field.get("format") == "date-time" else _TYPES[field.get("type", "")]


def _sentence(text: str) -> str:
    return " ".join(text.split())
