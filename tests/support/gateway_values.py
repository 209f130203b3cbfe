"""Values of the gateway's API to show things with."""

from meshward.gateway.views import EventView, FirmwareView, HealthView, NodeEntryView, NodeView, RolloutView
from meshward.rollout.documents import WaveEntry
from meshward.rollout.spec import RolloutSpec, Target
from meshward.rollout.states import RolloutState, actions_in

NOW = "2026-11-25T12:00:00Z"
SHA = "ab" * 32


def node(node_id, **more):
    """A node that is in the mesh."""
    values = {
        "online": True,
        "role": "sensor",
        "hardware": "ESP32",
        "parent": 7,
        "depth": 1,
        "version": "1.0.0",
    }
    return NodeView(id=node_id, **{**values, **more})


def health(**more):
    values = {
        "ok": True,
        "version": "0.1.0",
        "uptime_s": 7260.0,
        "mesh_connected": True,
        "nodes_online": 2,
        "nodes_known": 3,
        "store_writable": True,
    }
    return HealthView(**{**values, **more})


def firmware(sha256=SHA, **more):
    values = {
        "md5": "cd" * 16,
        "name": "sensor.bin",
        "size_bytes": 204800,
        "what": "ESP32 application",
        "hardware": "ESP32",
        "project": "sensor",
        "version": "1.1.0",
        "added_at": NOW,
        "added_by": "local",
    }
    return FirmwareView(sha256=sha256, **{**values, **more})


def spec(**more):
    return RolloutSpec(
        **{"name": "sensor 1.1.0", "images": (SHA,), "target": Target(roles=("sensor",)), **more}
    )


def entries(*counts):
    """Nodes 1001 and on: for each wave a mapping of states to counts."""
    made = []
    for wave, states in enumerate(counts):
        for state, count in states.items():
            for _ in range(count):
                made.append(
                    NodeEntryView(
                        node=1001 + len(made),
                        wave=wave,
                        state=state,
                        parts=66,
                        parts_done=22,
                        hardware="ESP32",
                    )
                )
    return made


def rollout(state=RolloutState.UPDATING, nodes=(), **more):
    """A rollout whose first wave passed, where it has more than one."""
    wanted = more.pop("spec", spec())
    counts = {}
    for entry in nodes:
        counts[entry.state] = counts.get(entry.state, 0) + 1
    values = {
        "id": "r-7f3a",
        "name": wanted.name,
        "state": state.value,
        "wave": 0,
        "wave_names": [wave.name for wave in wanted.waves],
        "counts": counts,
        "created_at": NOW,
        "created_by": "ada",
        "started_at": NOW,
        "actions": [action.value for action in actions_in(state)],
        "spec": wanted,
        "waves": [WaveEntry() for _ in wanted.waves],
        "nodes": list(nodes),
    }
    return RolloutView(**{**values, **more})


def event(number, text, **more):
    return EventView(**{"id": number, "at": NOW, "kind": "node", "severity": "info", "text": text, **more})
