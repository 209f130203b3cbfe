"""Frames to relay: of an exact size, as a node sends them."""

from meshnode.wire import BROADCAST, NODE_SYNC_REQUEST, SINGLE, encode

SOURCE = 1
RELAY = 5
#: The first is whom SINGLE frames are for.
SINKS = (2, 10, 11, 12)

_CHUNK_BYTES = 64 * 1024
#: Nodes look for broadcasts that came before, so that the same few would flatter them.
_CHUNKS = 40

#: (words, type, frame bytes, sinks that get it)
CASES = (
    ("SINGLE 200 B", SINGLE, 200, 1),
    ("SINGLE 1.5 KB", SINGLE, 1500, 1),
    ("BROADCAST 200 B to 4 links", BROADCAST, 200, 4),
)


def frame(kind: int, size_bytes: int, number: int = 0) -> bytes:
    """A frame of the source's, NUL included; each number makes another."""
    package = {
        "type": kind,
        "dest": SINKS[0] if kind == SINGLE else 0,
        "from": SOURCE,
        "msg": f"{number:08} ",
    }
    package["msg"] += "x" * (size_bytes - len(encode(package)))
    return encode(package)


def hello(node_id: int) -> bytes:
    """What a node without neighbours says first."""
    package = {"nodeId": node_id, "type": NODE_SYNC_REQUEST, "dest": 0, "from": node_id, "subs": []}
    return encode(package)


def chunks(kind: int, size_bytes: int) -> list[bytes]:
    """Pieces of many whole frames, as a busy link delivers them; no frame comes twice."""
    each = _CHUNK_BYTES // size_bytes
    return [
        b"".join(frame(kind, size_bytes, number) for number in range(first, first + each))
        for first in range(0, each * _CHUNKS, each)
    ]
