"""What a virtual board measures of itself: its life, and what its real node in the mesh knows better."""

from collections.abc import Callable

from meshnode.node import MeshNode
from meshward.sim.life import NAMES, Life, Reading

_HEAP = tuple(NAMES.index(name) for name in ("heap_free_bytes", "heap_min_bytes", "heap_block_bytes"))
_NODES = NAMES.index("nodes")
_LINKS = NAMES.index("links")
_DROPPED = NAMES.index("messages_dropped")
_RECONNECTS = NAMES.index("reconnects")


class HealthBoard:
    """`board.read(now_us)` for one start of a board: what `meshnode.health.agent` asks for.

    parent_id: whom the node hangs below by now, None for nobody; its signal depends on that. heap_left: the
    share of the heap that the image it runs has left by then.
    """

    def __init__(
        self,
        life: Life,
        node: MeshNode,
        *,
        parent_id: Callable[[], int | None] | None = None,
        heap_left: Callable[[int], float] | None = None,
    ) -> None:
        self._life = life
        self._node = node
        self._parent_id = parent_id
        self._heap_left = heap_left
        self._links: set[object] = set()
        self._links_lost = 0  # and not made again yet
        self._reconnects = 0

    def read(self, now_us: int) -> Reading:
        """The metrics in the order of the wire."""
        if self._parent_id is not None:
            self._life.parent_id = self._parent_id()
        values = self._life.read(now_us)
        node = self._node
        links = {link for link, _ in node.links()}
        if links != self._links:
            self._take_links(links)
        values[_NODES] = float(len(node.tree()) - 1)
        values[_LINKS] = float(len(links))
        values[_RECONNECTS] = float(self._reconnects)
        values[_DROPPED] = (values[_DROPPED] or 0.0) + node.relay.dropped_frames
        if self._heap_left is not None:
            left = self._heap_left(now_us)
            for index in _HEAP:
                values[index] = float(int((values[index] or 0.0) * left))
        return values

    def named(self, now_us: int) -> dict[str, float | None]:
        """The same by name."""
        return dict(zip(NAMES, self.read(now_us), strict=True))

    def _take_links(self, links: set[object]) -> None:
        self._links_lost += len(self._links - links)
        made_again = min(self._links_lost, len(links - self._links))
        self._links_lost -= made_again
        self._reconnects += made_again
        self._links = links
