"""Values that the tests of the store put into it."""

import hashlib
from contextlib import closing
from pathlib import Path

from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc, RunDoc
from meshward.rollout.spec import RolloutSpec, Target
from meshward.rollout.states import RolloutState, RunKind
from meshward.store import audit, firmware
from meshward.store.connection import open_connection
from meshward.store.layout import DATABASE, FIRMWARE
from meshward.store.library import Library

NOW_S = 1_700_000_000.0
IMAGE = hashlib.sha256(b"new").hexdigest()
OLD_IMAGE = hashlib.sha256(b"old").hexdigest()


def rollout(name="r1", state=RolloutState.UPDATING, **values) -> RolloutDoc:
    spec = RolloutSpec(name=f"rollout {name}", images=(IMAGE,), target=Target(roles=("sensor",)))
    entry = NodeEntry(node=7, hardware="ESP32", role="sensor", image=IMAGE, previous=OLD_IMAGE)
    return RolloutDoc(
        id=name,
        spec=spec,
        state=state,
        **{"created_s": NOW_S, "created_by": "me", "nodes": [entry], **values},
    )


def run(name="u1", *records, **values) -> RunDoc:
    nodes = [record["node"] for record in records]
    doc = {"rollout": "r1", "kind": RunKind.INSTALL, "image": IMAGE, "hardware": "ESP32", "role": "sensor"}
    return RunDoc(id=name, **{**doc, "nodes": nodes, "records": list(records), **values})


def record(node, state=NodeState.PENDING, **values) -> dict:
    return {"node": node, "state": state.value, "reason": None, "attempts": 0, "repaired_parts": 0, **values}


def firmware_row(content=b"new", **values) -> firmware.FirmwareRow:
    return firmware.FirmwareRow(
        **{
            "sha256": hashlib.sha256(content).hexdigest(),
            "md5": hashlib.md5(content).hexdigest(),
            "name": "fw.bin",
            "size_bytes": len(content),
            "what": "ESP32 application",
            "added_at_s": NOW_S,
            "added_by": "me",
            **values,
        }
    )


def data_directory(path: Path, contents=(b"one", b"two")) -> Path:
    """A data directory in use: firmware with its files, and an audit log."""
    library = Library(path / FIRMWARE)
    with closing(open_connection(path / DATABASE)) as connection:
        library.open()
        for content in contents:
            row = firmware_row(content)
            with library.incoming() as incoming:
                incoming.write(content)
                library.keep(incoming, row.sha256)
            firmware.add(connection, row)
            audit.append(connection, NOW_S, "me", "firmware.add", row.sha256, {"name": row.name})
    return path
