"""The boards of `health_scenes`: a life, a place in the tree, and what of their values is not sent yet."""

from dataclasses import dataclass
from random import Random

from meshward.sim.life import NAMES, Life

S = 1_000_000

ESP8266, ESP32 = "ESP8266", "ESP32"
IMAGES = ("0" * 32, "1" * 32)
"""MD5 of the firmware before an update, and after."""
_COUNTED = frozenset({"messages_received", "messages_sent", "bytes_received", "bytes_sent"})
WEEKEND_SHARE = 0.6
"""Of the traffic of other days."""
LOW_RSSI_DBM = -88.0
LOW_HEAP_BYTES = 8192.0
"""What is below is told at once instead of in the next batch."""


@dataclass(slots=True)
class Fade:
    """A time in which a board hears its parent worse."""

    until_us: int = 0
    less_db: float = 0.0
    loss: float = 0.0


class Node:
    """A board, where it hangs, and what of its values is not sent yet."""

    def __init__(self, node_id: int, parent: int, life: Life, hardware: str, rng: Random) -> None:
        self.id = node_id
        self.parent = parent
        self.life = life
        self.hardware = hardware
        self.rng = rng
        self.booted_us = 0
        self.boots = 1
        self.alive = True
        """Whether it runs."""
        self.linked = True
        """Whether its link to its parent is up, as its parent sees it."""
        self.fade = Fade()
        self.image = IMAGES[0]
        self.batch: list[tuple[int, dict[str, float]]] = []
        self.heap_most: float | None = None
        """What something that is not the board's life leaves of its heap."""
        self._is_low = False
        self._counted: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def measure(self, now_us: int, weekend: bool) -> dict[str, float]:
        """What it measures now."""
        read = zip(NAMES, self.life.read(now_us), strict=True)
        values = {name: value for name, value in read if value is not None}
        if now_us < self.fade.until_us and "rssi_dbm" in values:
            values["rssi_dbm"] = max(-100.0, values["rssi_dbm"] - self.fade.less_db)
        if self.heap_most is not None:
            for name in ("heap_free_bytes", "heap_min_bytes", "heap_block_bytes"):
                values[name] = min(values[name], self.heap_most)
        for name in _COUNTED:
            step = values[name] - self._seen.get(name, 0.0)
            self._seen[name] = values[name]
            self._counted[name] = self._counted.get(name, 0.0) + step * (WEEKEND_SHARE if weekend else 1.0)
            values[name] = float(int(self._counted[name]))
        return values

    def crossed(self, values: dict[str, float]) -> bool:
        """Whether a value came to where boards tell it at once, or came back from there."""
        before = self._is_low
        self._is_low = values["heap_free_bytes"] < LOW_HEAP_BYTES or values.get("rssi_dbm", 0) < LOW_RSSI_DBM
        return self._is_low != before

    def boot(self, now_us: int) -> None:
        self.life.restart(now_us)
        self.booted_us = now_us
        self.boots = (self.boots + 1) % 256
        self.batch.clear()
        self._counted.clear()
        self._seen.clear()
