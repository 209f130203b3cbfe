"""A record of what happened in a world, kept as one running hash."""

import hashlib
from zlib import crc32


class Trace:
    """Events of a run, in order. Equal hashes mean equal runs.

    A world keeps none unless it is given one: recording costs part of the run's speed.
    """

    __slots__ = ("_hash", "count", "lines")

    def __init__(self, *, keep_lines: bool = False) -> None:
        self._hash = hashlib.sha256()
        self.count = 0
        self.lines: list[str] | None = [] if keep_lines else None

    def record(self, time_us: int, node_id: int, what: str, *details: object) -> None:
        """Add one event; details must have a repr that depends on their value only."""
        line = f"{time_us} {node_id} {what} {details!r}\n"
        self._hash.update(line.encode())
        self.count += 1
        if self.lines is not None:
            self.lines.append(line)

    def record_bytes(self, time_us: int, node_id: int, link: int, data: bytes) -> None:
        """Add bytes that reached a node, by their checksum."""
        self.record(time_us, node_id, "read", link, len(data), crc32(data))

    def hexdigest(self) -> str:
        """The hash of all events so far."""
        return self._hash.hexdigest()
