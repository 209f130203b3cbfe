"""Bytes an update costs, and the least it could take."""

from __future__ import annotations

from typing import Any

from meshnode.wire import OTA_DATA, ROUTE_BROADCAST, encode
from meshward.ota.shape import Shape

REQUEST_BYTES = 166
"""A stock DataRequest frame, measured."""
DELAY_BYTES = 80
WINDOW_US = 4_000_000


class Tally:
    """Counts frames by the links they cross.

    `own_links[first hop]` are bytes on our own links; the busiest of them bounds how fast an
    update can be. The rate of a link is the best that was sustained for four seconds.
    """

    def __init__(self, link_bytes_per_s: float = 0.0) -> None:
        self.sent_bytes = 0
        self.all_links_bytes = 0
        self.own_links: dict[int, int] = {}
        self._given_rate = link_bytes_per_s
        self._best_rate = 0.0
        self._samples: list[tuple[int, int]] = []

    def package(self, package: dict[str, Any], shape: Shape) -> int:
        """Count a package that leaves; its size in bytes."""
        size = len(encode(package)) + (0 if "from" in package else 16)
        if package.get("routing") == ROUTE_BROADCAST:
            hops = shape.edges
            for node_id in (n for n in shape.node_ids if shape.hops(n) == 1):
                self._own(node_id, size)
        else:
            hops = shape.hops(package["dest"])
            self._own(shape.first_hop(package["dest"]), size)
        self.sent_bytes += size
        self.all_links_bytes += size * hops
        return size if package["type"] == OTA_DATA else 0

    def fence(self, node_id: int, shape: Shape) -> None:
        """Count a delay measurement and its answer."""
        self.sent_bytes += DELAY_BYTES
        self.all_links_bytes += 2 * DELAY_BYTES * shape.hops(node_id)

    def request(self, node_id: int, shape: Shape) -> None:
        """Count a request that came in."""
        self.all_links_bytes += REQUEST_BYTES * shape.hops(node_id)

    def passed(self, total_bytes: int, now_us: int) -> None:
        """Note how many bytes are known to have passed our busiest link by now."""
        samples = self._samples
        samples.append((now_us, total_bytes))
        while samples and now_us - samples[0][0] > WINDOW_US:
            start_us, start_bytes = samples.pop(0)
            self._best_rate = max(self._best_rate, (total_bytes - start_bytes) * 1e6 / (now_us - start_us))

    def link_rate_bytes_per_s(self) -> float:
        """What the busiest link can carry: as given, else the best seen (0 when nothing was)."""
        return self._given_rate or self._best_rate

    def _own(self, first_hop: int, size: int) -> None:
        self.own_links[first_hop] = self.own_links.get(first_hop, 0) + size
