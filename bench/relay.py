"""Frames a second through the node core alone: no sockets, one core."""

import itertools
import time

from bench.frames import CASES, RELAY, SINKS, SOURCE, chunks, hello
from bench.settings import Settings
from bench.table import Table
from meshnode.node import MeshNode

SUMMARY = "frames relayed a second, node core alone"
_ROOM_BYTES = 1 << 20


def measure(settings: Settings) -> list[Table]:
    rows = []
    for words, kind, size_bytes, copies in CASES:
        rate = frames_per_s(kind, size_bytes, copies, settings.seconds(1.0))
        rows.append((words, rate, rate * copies, rate * size_bytes / 1e6))
    return [
        Table("Relay, node core alone", ("frame", "frames/s in", "frames/s out", "MB/s in"), rows),
    ]


def frames_per_s(kind: int, size_bytes: int, copies: int, seconds: float) -> float:
    """Frames that one node takes in and passes on to `copies` links, in a second of its CPU time."""
    node = MeshNode(RELAY)
    for node_id in (SOURCE, *SINKS):
        node.link_up(node_id, False, 0)
        node.receive(node_id, hello(node_id), 0)
        node.data_to_send(node_id, _ROOM_BYTES)
    pieces = itertools.cycle(chunks(kind, size_bytes))
    left_bytes = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        node.receive(SOURCE, next(pieces), int(spent * 1e6))
        for link in node.pending():
            while data := node.data_to_send(link, _ROOM_BYTES):
                left_bytes += len(data)
        node.events()
    return left_bytes / size_bytes / copies / spent
