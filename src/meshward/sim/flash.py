"""The flash of a board: the image it runs, the slot a new one is written to, the file that remembers.

Behaves as `Update` and the boot loader of the Arduino cores do, as far as a sender over the mesh
can tell. No image is kept, only its MD5 and size: a thousand boards cost no memory to speak of.
"""

import hashlib
import zlib
from dataclasses import dataclass
from functools import partial

MAGIC_BYTE = 0xE9
GZIP_BYTE = 0x1F
ESP32_SLOT_BYTES = 0x140000
"""Application slot in arduino-esp32's default partition table for 4 MB boards."""
_MD5_LENGTH = 32
_UNPACK_STEP_BYTES = 64 * 1024
_new_md5 = partial(hashlib.md5, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A firmware image, as far as boards here need to know it."""

    md5: str
    size_bytes: int

    @classmethod
    def of(cls, data: bytes) -> "Image":
        """The image that these bytes are."""
        return cls(_new_md5(data).hexdigest(), len(data))


FACTORY_IMAGE = Image.of(b"as delivered")
"""What boards run unless they were given something else."""


class Flash:
    """What survives a reboot. One update at a time: begin, write, ..., end, and boot.

    slot_bytes: largest image that fits; 0 for a board without room. gzip: whether the boot loader
    unpacks gzip images, as that of the ESP8266 does. magic_checked_after_bytes: the first byte is
    looked at once more bytes than this were written, or at the end. With 0, as on the nodes that
    were measured, a wrong one fails the first write. The ESP32 core buffers a sector (4096), and
    the ESP8266 core looks at the end only.
    """

    def __init__(
        self,
        running: Image = FACTORY_IMAGE,
        *,
        slot_bytes: int = ESP32_SLOT_BYTES,
        gzip: bool = False,
        magic_checked_after_bytes: int = 0,
    ) -> None:
        self.slot_bytes = slot_bytes
        self.gzip = gzip
        self.magic_checked_after_bytes = magic_checked_after_bytes
        self.running: Image | None = running
        """The image that boots; None once a broken one was started."""
        self.md5_file = ""
        """MD5 of the last update, as announced; an image put on by USB does not change it."""
        self.booted: list[Image | None] = []
        """Every image that an update brought to its first start, in order."""
        self._update: _Update | None = None
        self._staged: _Update | None = None

    @property
    def bootable(self) -> bool:
        """Whether the next boot finds an image that starts."""
        return self._staged.unpacked() is not None if self._staged else self.running is not None

    @property
    def updating(self) -> bool:
        """Whether an update is open (`Update.isRunning`)."""
        return self._update is not None

    def put_by_usb(self, image: Image) -> None:
        """Replace the image from outside. The file that remembers an MD5 stays as it was."""
        self.running = image
        self._staged = self._update = None

    def begin(self, md5: str) -> None:
        """Open an update, in place of one that is open. An `md5` that is none is not checked at the end."""
        first_bytes = (MAGIC_BYTE, GZIP_BYTE) if self.gzip else (MAGIC_BYTE,)
        self._update = _Update(md5, first_bytes)

    def write(self, data: bytes) -> bool:
        """Append to the open update; False, and it is closed, where that fails. No bytes never fail."""
        if not data:
            return True
        update = self._update
        if update is None:
            return False
        if update.size_bytes + len(data) > self.slot_bytes:
            self.abort()
            return False
        update.append(data)
        if update.size_bytes > self.magic_checked_after_bytes and not update.magic_right():
            self.abort()
            return False
        return True

    def end(self) -> bool:
        """Close the update; whether it is intact, and will run from the next boot on."""
        update, self._update = self._update, None
        if update is None or not update.magic_right() or not update.intact():
            return False
        self._staged = update
        self.md5_file = update.md5
        return True

    def abort(self) -> None:
        """Give up the open update, if there is one."""
        self._update = None

    def boot(self) -> Image | None:
        """Start: the image that runs now, None where it does not start."""
        self._update = None
        if self._staged is not None:
            self.running = self._staged.unpacked()
            self.booted.append(self.running)
            self._staged = None
        return self.running


class _Update:
    """An image being written: its hash so far, and that of what is inside."""

    def __init__(self, md5: str, first_bytes: tuple[int, ...]) -> None:
        self.md5 = md5
        self.size_bytes = 0
        self._first_bytes = first_bytes
        self._first_byte: int | None = None
        self._hash = _new_md5()
        self._unpacker: _Unpacker | None = None

    def append(self, data: bytes) -> None:
        if self._first_byte is None:
            self._first_byte = data[0]
            if self._first_byte == GZIP_BYTE and GZIP_BYTE in self._first_bytes:
                self._unpacker = _Unpacker()
        self.size_bytes += len(data)
        self._hash.update(data)
        if self._unpacker is not None:
            self._unpacker.feed(data)

    def magic_right(self) -> bool:
        return self._first_byte in self._first_bytes

    def intact(self) -> bool:
        # The cores take an MD5 of another length for none at all.
        return len(self.md5) != _MD5_LENGTH or self.md5 == self._hash.hexdigest()

    def unpacked(self) -> Image | None:
        """The image that runs after the boot loader has done its work."""
        if self._unpacker is not None:
            return self._unpacker.image()
        return Image(self._hash.hexdigest(), self.size_bytes)


class _Unpacker:
    """Looks into a gzip image while it is written."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._hash = _new_md5()
        self._size_bytes = 0
        self._first_byte: int | None = None
        self._broken = False

    def feed(self, data: bytes) -> None:
        while data and not self._broken:
            try:
                unpacked = self._stream.decompress(data, _UNPACK_STEP_BYTES)
            except zlib.error:
                self._broken = True
                return
            if unpacked and self._first_byte is None:
                self._first_byte = unpacked[0]
            self._hash.update(unpacked)
            self._size_bytes += len(unpacked)
            data = self._stream.unconsumed_tail

    def image(self) -> Image | None:
        if self._broken or not self._stream.eof or self._first_byte != MAGIC_BYTE:
            return None
        return Image(self._hash.hexdigest(), self._size_bytes)
