"""Lines that wait on the disk for a database that is away, within a limit, the oldest left out first.

`NNNNNNNN.lp` is the piece that lines are added to. A full one is packed as `NNNNNNNN-LINES.lp.gz`, under
another name first. A line cut off by a crash is left out when its piece is read, and so is a damaged piece.
All of this reads and writes files: call it from threads. Calls wait for each other, for one whose caller was
cancelled goes on.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger("meshward.bridges")

PIECE_BYTES = 1 << 20
PIECE_LINES = 5_000
"""What a request may hold at most, as the makers of the databases advise; plain, before it is packed."""
_NAME = re.compile(r"([0-9]{8,12})(?:-([0-9]{1,12})[.]lp[.]gz|[.]lp)")


@dataclass(slots=True)
class _Piece:
    path: Path
    lines: int
    size_bytes: int


class Spool:
    """One folder of pieces."""

    def __init__(self, folder: Path, size_max: int) -> None:
        """`size_max`: bytes on the disk."""
        self.lines = 0
        """That wait."""
        self.dropped = 0
        """Lines left out for want of room, or because a crash damaged them, since the start."""
        self._folder = folder
        self._size_max = size_max
        self._piece_bytes = min(PIECE_BYTES, size_max // 4)
        self._pieces: list[_Piece] = []
        self._adding = False
        """Whether the last piece takes more."""
        self._size_bytes = 0
        self._next = 1
        self._lock = threading.Lock()

    def open(self) -> None:
        """Find what lies there from before. Raises OSError."""
        with self._lock:
            self._open()

    def add(self, text: bytes) -> None:
        """Keep lines, each with its end. Raises OSError where the disk does not take them."""
        with self._lock:
            self._add(text)

    def oldest(self) -> tuple[Path, bytes] | None:
        """The lines that wait longest; its path is for `remove`. None where none wait. Raises OSError."""
        with self._lock:
            return self._oldest()

    def remove(self, path: Path) -> None:
        """It was taken. Raises OSError."""
        with self._lock:
            self._remove(path)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("*.new"):
            path.unlink(missing_ok=True)
        self._pieces = _found(self._folder)
        self._adding = False
        self._next = max((_number(piece.path) for piece in self._pieces), default=0) + 1
        self._sum()
        self._make_room()

    def _add(self, text: bytes) -> None:
        lines = text.count(b"\n")
        if len(text) > self._size_max:
            self.dropped += lines
            return
        if self._adding and self._would_be_full(len(text), lines):
            self._close()
        if not self._adding:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._pieces.append(_Piece(self._folder / f"{self._next:08d}.lp", 0, 0))
            self._next += 1
            self._adding = True
        piece = self._pieces[-1]
        try:
            _append(piece, text)
        finally:
            self._sum()
        self._make_room()

    def _oldest(self) -> tuple[Path, bytes] | None:
        while self._pieces:
            piece = self._pieces[0]
            if len(self._pieces) == 1:
                self._adding = False
            text = _read(piece.path)
            lost = piece.lines - text.count(b"\n")
            if lost > 0:
                log.warning("lines on the disk are damaged and left out", file=piece.path.name, lines=lost)
                self.dropped += lost
                piece.lines -= lost
                self._sum()
            if text:
                return piece.path, text
            self._remove(piece.path)
        return None

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._pieces = [piece for piece in self._pieces if piece.path != path]
        self._adding = self._adding and bool(self._pieces)
        self._sum()

    def _would_be_full(self, size_bytes: int, lines: int) -> bool:
        piece = self._pieces[-1]
        return piece.size_bytes + size_bytes > self._piece_bytes or piece.lines + lines > PIECE_LINES

    def _close(self) -> None:
        piece = self._pieces[-1]
        self._adding = False
        packed = self._folder / f"{piece.path.stem}-{piece.lines}.lp.gz"
        fresh = packed.with_suffix(".new")
        try:
            _write(fresh, gzip.compress(piece.path.read_bytes(), mtime=0))
            fresh.replace(packed)
        except OSError:
            # It stays as it is: readable, but larger.
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            return
        piece.path.unlink(missing_ok=True)
        piece.path, piece.size_bytes = packed, packed.stat().st_size
        self._sum()

    def _make_room(self) -> None:
        while self._size_bytes > self._size_max and self._pieces:
            piece = self._pieces[0]
            self.dropped += piece.lines
            self._remove(piece.path)

    def _sum(self) -> None:
        self.lines = sum(piece.lines for piece in self._pieces)
        self._size_bytes = sum(piece.size_bytes for piece in self._pieces)


def _found(folder: Path) -> list[_Piece]:
    found: dict[int, _Piece] = {}
    for path in sorted(folder.iterdir()):
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        number = int(name[1])
        if number in found:  # A crash came between packing it, which sorts first, and removing the plain one.
            path.unlink(missing_ok=True)
            continue
        lines = int(name[2]) if name[2] else path.read_bytes().count(b"\n")
        found[number] = _Piece(path, lines, path.stat().st_size)
    return [found[number] for number in sorted(found)]


def _number(path: Path) -> int:
    name = _NAME.fullmatch(path.name)
    return int(name[1]) if name else 0


def _append(piece: _Piece, text: bytes) -> None:
    descriptor = os.open(piece.path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as handle:
        # A full disk may have taken part of the last lines.
        handle.truncate(piece.size_bytes)
        handle.seek(piece.size_bytes)
        _write_all(handle.fileno(), text)
        os.fsync(handle.fileno())
    piece.size_bytes += len(text)
    piece.lines += text.count(b"\n")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _read(path: Path) -> bytes:
    """The whole lines of a piece; none where it is damaged or gone."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return b""
    whole = content.split(b"\n")[:-1]
    # What a power cut left of a file may be zeros.
    return b"".join(one + b"\n" for one in whole if b"\0" not in one)
