"""An image cut into parts.

A stock node puts the parts it takes one behind the other, whatever their sizes, and reads the
number of parts from each package; so the size may change in the middle of a transfer.
"""

from __future__ import annotations

from base64 import b64encode

#: Bytes a Data package adds around the text of a part (md5, role, keys), about.
ENVELOPE_BYTES = 190

PART_BYTES_MAX = 16_384
"""Stock nodes took parts of 16 KB; larger ones were never tried."""

SAFE_PART_BYTES = 1024
"""The size every stock sender uses, to fall back to."""


class Parts:
    """The bytes to send, cut at `starts`."""

    def __init__(self, data: bytes, part_bytes: int, starts: tuple[int, ...] = ()) -> None:
        """Cut `data` into parts of `part_bytes`, keeping the cuts in `starts`.

        Raises ValueError for no data or a size out of range.
        """
        if not data:
            raise ValueError("an image without bytes")
        if not 1 <= part_bytes <= PART_BYTES_MAX:
            raise ValueError(f"a part has 1 to {PART_BYTES_MAX} bytes, not {part_bytes}")
        self.data = data
        self.part_bytes = part_bytes
        first = starts[-1] + part_bytes if starts else 0
        self.starts = starts + tuple(range(first, len(data), part_bytes))

    def __len__(self) -> int:
        return len(self.starts)

    def payload(self, part: int) -> bytes:
        """The bytes of a part."""
        end = self.starts[part + 1] if part + 1 < len(self.starts) else len(self.data)
        return self.data[self.starts[part] : end]

    def text(self, part: int) -> str:
        """A part as it travels: padded standard base64, the only kind stock nodes decode."""
        return b64encode(self.payload(part)).decode("ascii")

    def frame_bytes(self, part: int = 0) -> int:
        """About the size of the frame that carries a part."""
        return ENVELOPE_BYTES + (len(self.payload(part)) + 2) // 3 * 4

    def resized(self, part: int, part_bytes: int) -> Parts:
        """The same image with another part size from `part` on (the parts before it stay)."""
        if part == 0:
            return Parts(self.data, part_bytes)
        kept = self.starts[: part + 1]
        if part >= len(self.starts):
            return self
        return Parts(self.data, part_bytes, kept)
