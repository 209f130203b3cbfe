"""One payload of each kind, as it could come, for the reference."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshward import __version__
from meshward.bridges.mqtt import payloads
from meshward.bridges.mqtt.control.progress import NodeProgress, RolloutProgress
from meshward.bridges.mqtt.control.proposal import ProposedCommand, ProposedStatus
from meshward.bridges.mqtt.control.requests import (
    ActRequest,
    CommandRequest,
    StartRequest,
    StatusRequest,
    TextRequest,
)
from meshward.bridges.mqtt.texts_part import Text

_HALL, _ROOF, _GATEWAY = 3_946_120_945, 2_886_735_001, 716_040_212
_FIRMWARE = "9f2c" * 16
_ROLLOUT = "r1"

EXAMPLES: Mapping[type[msgspec.Struct], msgspec.Struct | Mapping[str, object]] = {
    payloads.Nodes: payloads.Nodes(
        count=2,
        online=1,
        nodes=[
            payloads.NodeItem(id=_ROOF, name="Roof", online=False, version="1.1.0", health=40, alerts=1),
            payloads.NodeItem(id=_HALL, name="Hall", online=True, parent=_ROOF, version="1.2.0", health=100),
        ],
    ),
    payloads.Topology: payloads.Topology(
        gateway=_GATEWAY,
        links=[
            payloads.LinkItem(node=_ROOF, parent=_GATEWAY, depth=1),
            payloads.LinkItem(node=_HALL, parent=_ROOF, depth=2),
        ],
    ),
    payloads.MeshMetrics: payloads.MeshMetrics(
        summary="19 of 20 boards well; Roof has been silent for 5 minutes.",
        health=92,
        nodes=20,
        online=19,
        depth_max=4,
        delay_median_ms=11.5,
        delay_max_ms=48.2,
        probe_loss_percent=0.3,
        rssi_min_dbm=-79,
        heap_min_bytes=31_488,
        alerts={"warning": 1},
        coverage="18 of 20 heard, oldest 58 s, 2 silent: Roof, 2886735010",
    ),
    payloads.Alerts: payloads.Alerts(
        count=1,
        alerts=[
            payloads.AlertItem(
                id="5c1f0a77",
                rule="silent_node",
                severity="warning",
                text="Roof has been silent for 5 minutes",
                node=_ROOF,
                name="Roof",
                since_at="2026-11-25T11:55:00.000Z",
                behind=[_HALL],
            )
        ],
    ),
    payloads.Node: payloads.Node(
        id=_HALL,
        name="Hall",
        online=True,
        hardware="ESP32",
        role="sensor",
        version="1.2.0",
        firmware=_FIRMWARE,
        parent=_ROOF,
        depth=2,
        tags=["ground floor"],
        first_seen_at="2026-09-01T08:12:30.000Z",
        last_seen_at="2026-11-24T23:01:02.000Z",
        up_since_at="2026-11-24T23:01:02.000Z",
    ),
    payloads.NodeHealth: payloads.NodeHealth(
        health=80,
        problem=True,
        reasons=["weak signal: -87 dBm"],
        alerts=["weak_link"],
        metrics={"heap_free_bytes": 41_216, "rssi_dbm": -87, "delay_ms": 12.5, "probe_loss_percent": 5},
        boot_at="2026-11-24T23:00:41.000Z",
        restarts=1,
    ),
    payloads.Availability: payloads.Availability(state="online"),
    payloads.Update: payloads.Update(
        installed="1.2.0",
        latest="1.3.0",
        available=True,
        title="sensor",
        notes="Wakes up faster.",
        state="downloading",
        in_progress=True,
        percent=42,
        rollout=_ROLLOUT,
    ),
    payloads.BridgeState: payloads.BridgeState(state="online"),
    payloads.BridgeInfo: payloads.BridgeInfo(
        gateway=_GATEWAY, mesh="garden", version=__version__, profile="meshward", period_s=30, control=True
    ),
    payloads.BridgeHealth: payloads.BridgeHealth(
        at="2026-11-25T12:00:00Z", uptime_s=86_400, mesh_connected=True, nodes=20, online=19, sent=48_201
    ),
    RolloutProgress: RolloutProgress(
        rollout=_ROLLOUT,
        job="ci-1234",
        name="sensor 1.3.0",
        state="updating",
        over=False,
        percent=42,
        total=20,
        updated=8,
        failed=1,
        counts={"completed": 8, "downloading": 1, "failed": 1, "scheduled": 10},
        wave="everyone",
        waves=["everyone"],
        images=[_FIRMWARE],
        roles=["sensor"],
        actions=["pause", "abort", "rollback"],
        created_at="2026-11-25T11:40:00.000Z",
        started_at="2026-11-25T11:40:01.000Z",
        failures=[NodeProgress(node=_ROOF, name="Roof", state="failed", reason="no room for it")],
    ),
    payloads.Event: payloads.Event(
        id=1234,
        at="2026-11-25T11:55:00.000Z",
        kind="node.left",
        severity="warning",
        text="Roof left the mesh",
        node=_ROOF,
    ),
    payloads.Response: payloads.Response(
        status="error",
        transaction="ci-1234",
        error="there is no rollout r2; list them with `meshward rollout list`",
        code="unknown",
    ),
    ProposedStatus: ProposedStatus(
        status="in_progress",
        progress=42,
        timestamp=1_795_608_000,
        updated_nodes=8,
        total_nodes=20,
        estimated_completion=310,
        rollout=_ROLLOUT,
    ),
    Text: Text(node=_HALL, text="door open", broadcast=True),
    # Of requests only what has to be said: their types tell all of their keys.
    StartRequest: {
        "job": "ci-1234",
        "image": {"url": "https://ci.example/sensor-1.3.0.bin", "sha256": _FIRMWARE},
        "role": "sensor",
        "waves": "staged",
        "transaction": "1",
    },
    ActRequest: {"job": "ci-1234", "reason": "the build was withdrawn"},
    StatusRequest: {"job": "ci-1234"},
    ProposedCommand: {
        "command": "start_ota",
        "role": "sensor",
        "hardware": "ESP32",
        "md5": "5d41402abc4b2a76b9719d911017c592",
        "url": "https://ci.example/sensor-1.3.0.bin",
        "options": {"broadcast": True, "compressed": True, "progressive": False},
    },
    TextRequest: {"text": "lamp on", "transaction": "2"},
    CommandRequest: {"command": 1, "parameters": {"state": "on"}},
}
