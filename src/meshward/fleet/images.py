"""What the boards of a virtual fleet run, as can be seen from outside."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from meshward.errors import FleetError
from meshward.fleet.node import VirtualNode


@dataclass(frozen=True, slots=True)
class BoardImage:
    """One board: what it runs, None where that does not start, and how often it was started."""

    node_id: int
    on: bool
    md5: str | None
    size_bytes: int | None
    boots: int
    updates: int
    """Images that an update brought to their first start."""
    role: str
    hardware: str


def image_of(node: VirtualNode) -> BoardImage:
    """What a node runs, which must be a board with unmodified firmware."""
    board = node.stock
    assert board is not None
    running = board.running if board.bootable else None
    return BoardImage(
        node.node_id,
        node.on,
        None if running is None else running.md5,
        None if running is None else running.size_bytes,
        board.starts,
        len(board.flash.booted),
        board.role,
        board.hardware,
    )


def images_as_dict(images: Iterable[BoardImage]) -> dict[str, dict[str, object]]:
    """By node id, as JSON takes it."""
    entries = {str(image.node_id): asdict(image) for image in images}
    for entry in entries.values():
        del entry["node_id"]
    return entries


def write_report(path: Path, images: Iterable[BoardImage]) -> None:
    """Replace the file as a whole, so that whoever looks finds a complete one. Raises FleetError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(images_as_dict(images), indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise FleetError(f"cannot write the report {path}: {error.strerror or error}") from error
