"""Which node we are: the id of this machine in a mesh."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from meshward.errors import NodeIdError

#: Largest node id; 0 is "nobody".
MAX_NODE_ID = 0xFFFF_FFFF

_CARDS = Path("/sys/class/net")


def check_node_id(node_id: int) -> int:
    """The id itself when it can be one."""
    if not 0 < node_id <= MAX_NODE_ID:
        raise NodeIdError(f"{node_id} is not a node id: it must be from 1 to {MAX_NODE_ID}")
    return node_id


def node_id_from_mac(mac: bytes) -> int:
    """The last four bytes of a MAC address, big-endian (painlessMesh: `encodeNodeId`)."""
    return int.from_bytes(mac[-4:], "big")


def default_node_id(cards: Path = _CARDS) -> int:
    """The id that painlessMesh would give this machine: from the MAC of its first network card.

    Cards of hardware come before virtual ones, then by name, so the id stays the same from
    run to run. A machine without any gets what Python's `uuid.getnode` makes up.
    """
    for mac in _macs(cards):
        if node_id := node_id_from_mac(mac):
            return node_id
    return node_id_from_mac(uuid.getnode().to_bytes(6, "big")) or 1


def derived_node_id(node_id: int, attempt: int) -> int:
    """Another id for the same machine, that of this process.

    Two processes on one machine have one MAC, and a mesh takes each id once.
    """
    seed = f"{node_id}/{os.getpid()}/{attempt}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") or 1


def _macs(cards: Path) -> Iterator[bytes]:
    try:
        names = sorted(cards.iterdir(), key=lambda card: (not (card / "device").exists(), card.name))
    except OSError:
        return
    for card in names:
        try:
            mac = bytes.fromhex((card / "address").read_text().strip().replace(":", ""))
        except (OSError, ValueError):
            continue
        if len(mac) == 6 and any(mac):  # not the loopback device, nor a tunnel
            yield mac
