"""Bytes of node sync that a join causes, counted in virtual time."""

from meshnode.wire import NODE_SYNC_REPLY, NODE_SYNC_REQUEST, FrameSplitter, Limits, decode
from meshward.sim import World
from meshward.topologies import parents

_SYNC = (NODE_SYNC_REQUEST, NODE_SYNC_REPLY)
#: All first syncs are over, and the next, which come every 60 s, are far.
_QUIET_S = 30
_TAIL_S = 1


class Counter:
    """Stands where a world keeps its trace: counts the sync bytes that reach nodes."""

    def __init__(self) -> None:
        self.all_bytes = 0
        self.link_bytes: dict[int, int] = {}
        self._splitters: dict[int, FrameSplitter] = {}
        self._limits = Limits()

    def record(self, _time_us: int, _node_id: int, _what: str, *_details: object) -> None:
        """Events are not counted."""

    def record_bytes(self, _time_us: int, _node_id: int, link: int, data: bytes) -> None:
        """Bytes that reached a node, by the end of a connection."""
        splitter = self._splitters.setdefault(link, FrameSplitter(self._limits))
        for frame in splitter.feed(data):
            if decode(frame, self._limits)["type"] in _SYNC:
                self.all_bytes += len(frame) + 1
                connection = link // 2
                self.link_bytes[connection] = self.link_bytes.get(connection, 0) + len(frame) + 1


def join_bytes(nodes: int) -> tuple[int, int]:
    """(bytes on the new node's own link, bytes on all links) until a while after all have heard of it."""
    world = World(seed=1)
    hosts = world.build(parents("tree", nodes))
    if not world.run_until(world.converged, limit_s=60):
        raise RuntimeError(f"a tree of {nodes} did not converge")
    world.run_for(_QUIET_S)
    world.trace = counter = Counter()
    newcomer = world.add_node(1, listening=False)
    newcomer.dial([hosts[0]])
    if not world.run_until(world.converged, limit_s=20):
        raise RuntimeError(f"no join to a tree of {nodes}")
    world.run_for(_TAIL_S)
    return counter.link_bytes[world.connections_made], counter.all_bytes
