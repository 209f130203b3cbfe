"""The rest of a board's firmware: what it reports of itself, and how it fares."""

from collections.abc import Callable
from random import Random

from meshnode.node import MeshNode
from meshnode.wire import ROUTE_BROADCAST
from meshward.sim.behaviour import Behaviour
from meshward.sim.flash import Image
from meshward.sim.stock_wire import Package

ENHANCED_STATUS = 604
REPORTS_US = 30_000_000
"""How often boards that report usually do."""

_HEAP_BYTES = {"ESP8266": 28_000}
_HEAP_BYTES_ELSE = 180_000
"""Free heap of a node with links up: of an ESP8266, and of an ESP32."""
_HEAP_WAVERS = 0.02
"""Share of the free heap that is taken at one moment and not at another."""
_KB = 1024
_OPERATIONAL = 1


class Application:
    """A service for `MeshNode`: what one start of a board does apart from taking updates.

    reports_us: it broadcasts a package 604 about that often, None never. `on_radio_lost` is called, from
    within `handle_deadline`, when the board is to leave the mesh for good.
    """

    package_types = (ENHANCED_STATUS,)

    def __init__(
        self,
        node: MeshNode,
        image: Image | None,
        hardware: str,
        behaviour: Behaviour,
        rng: Random,
        now_us: int,
        *,
        reports_us: int | None = None,
        on_radio_lost: Callable[[], None] | None = None,
    ) -> None:
        self._node = node
        self._image_md5 = "" if image is None else image.md5
        self._rng = rng
        self._started_us = now_us
        self._reports_us = None if behaviour.kind == "silent" else reports_us
        self._on_radio_lost = on_radio_lost
        self._heap_bytes = _HEAP_BYTES.get(hardware, _HEAP_BYTES_ELSE) * rng.uniform(0.95, 1.05)
        self._wifi = rng.randint(55, 95)
        self._received = self._sent = 0
        after_us = round(behaviour.amount * 1e6 * rng.uniform(0.9, 1.1))
        self.crash_due_us = now_us + after_us if behaviour.kind in ("crash-loop", "leak") else None
        """When this start ends in a crash, None if it does not."""
        self._leaks = behaviour.kind == "leak"
        self._radio_due_us = now_us + after_us if behaviour.kind == "lost-radio" else None
        # Boards that were switched on together do not report together.
        self._report_due_us = (
            None if self._reports_us is None else now_us + int(rng.random() * self._reports_us)
        )

    @property
    def idle(self) -> bool:
        """Whether the node can do without it."""
        return self._radio_due_us is None and self._report_due_us is None

    def heap_bytes(self, now_us: int) -> int:
        """Free heap, apart from how it wavers."""
        if not self._leaks or self.crash_due_us is None:
            return round(self._heap_bytes)
        left = (self.crash_due_us - now_us) / (self.crash_due_us - self._started_us)
        return round(self._heap_bytes * max(0.0, left))

    # What the node calls.

    def receive(self, _package: Package, _now_us: int) -> list[Package]:
        """A report of another board's, which nobody here reads."""
        self._received += 1
        return []

    def next_deadline_us(self) -> int | None:
        """When the radio is lost, or a report is due."""
        moments = [due_us for due_us in (self._radio_due_us, self._report_due_us) if due_us is not None]
        return min(moments, default=None)

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Do what is due; returns the report to send."""
        if self._radio_due_us is not None and now_us >= self._radio_due_us:
            self._radio_due_us = self._report_due_us = None
            if self._on_radio_lost is not None:
                self._on_radio_lost()
        if self._reports_us is None or self._report_due_us is None or now_us < self._report_due_us:
            return []
        self._report_due_us = now_us + round(self._reports_us * self._rng.uniform(0.9, 1.1))
        if not self._node.links():
            return []
        self._sent += 1
        return [self._report(now_us)]

    def _report(self, now_us: int) -> Package:
        node = self._node
        heap_bytes = self.heap_bytes(now_us) * (1 - _HEAP_WAVERS * self._rng.random())
        return {
            "from": node.node_id,
            "routing": ROUTE_BROADCAST,
            "type": ENHANCED_STATUS,
            "status": _OPERATIONAL,
            "uptime": (now_us - self._started_us) // 1_000_000,
            "mem": int(heap_bytes) // _KB,
            "wifi": self._wifi + self._rng.randint(-3, 3),
            "fw": self._image_md5[:8],
            "fwMD5": self._image_md5,
            "nodes": len(node.nodes()),
            "conns": len(node.links()),
            "msgRx": self._received,
            "msgTx": self._sent,
            "msgDrop": node.relay.dropped_frames,
            # What the library leaves at 0 unless an application measures it.
            "latency": 0,
            "loss": 0,
            "throughput": 0,
            "alerts": 0,
            "lastErr": "",
        }
