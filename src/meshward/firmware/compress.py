"""gzip for ESP8266 boards: fewer bytes over the air for firmware that nobody changed.

The boards' updater stores a gzip file as it comes, and their boot loader (eboot, core 2.7.0 and later)
unpacks it with a 32 KB window while it copies, so it costs them no memory while they run. The announced MD5
is that of the gzip file. Boards of the ESP32 family have nothing of the kind.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Literal

from meshward.errors import FirmwareError
from meshward.firmware.chips import HARDWARE_ESP8266
from meshward.firmware.image import FirmwareImage, Kind
from meshward.firmware.inspection import extract_application

CompressionMode = Literal["auto", "never", "gzip"]

ESP32_HAS_NO_GZIP = (
    "unmodified ESP32 boards have nothing to unpack gzip with: "
    "their updater gives up unless the first byte is 0xE9"
)

#: deflate, no flags, no time, best compression, unknown system: the same bytes wherever they are made.
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\xff"
_LEVEL = 9
_WINDOW_BITS = 15
#: Less saving than this is not worth an image that older boards refuse.
_WORTH_IT = 0.95
#: Modes that any board's flash can be read in. An uncompressed image gets the mode the board has; a gzip file
#: keeps its own, and a board whose flash cannot do it does not start.
_SAFE_FLASH_MODES = ("DIO", "DOUT")


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes to send."""

    data: bytes = field(repr=False)
    #: `gzip`, or None when sent as it is.
    compression: str | None
    #: Of `data`, lower-case hexadecimal: what painlessMesh announces.
    md5: str
    #: Why it is sent like this.
    reason: str

    @property
    def size_bytes(self) -> int:
        """Bytes to send."""
        return len(self.data)


def compress_gzip(data: bytes) -> bytes:
    """`data` as a gzip file: 32 KB window, no name, no time; the same bytes each time for one zlib."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS)
    body = packer.compress(data) + packer.flush()
    return _GZIP_HEADER + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def choose_compression(data: bytes, image: FirmwareImage, mode: CompressionMode = "auto") -> Payload:
    """What to send of a file, and why; `image` is `inspect(data)`.

    `auto` compresses where unmodified boards can unpack it and it pays; `gzip` wherever they can; `never`
    sends the application as it is, unpacking a file that came compressed. Raises FirmwareError where it
    cannot be done.
    """
    if image.kind is Kind.FLASH or list(image.layers())[-1].kind is Kind.OTHER:
        raise FirmwareError(f"{image.what}: only an application can be sent")
    if mode == "never":
        return _never(data, image)
    if image.kind is Kind.GZIP:
        return _as_given(data, image)
    why_not = _why_not(image)
    if mode == "gzip":
        if why_not:
            raise FirmwareError(f"{why_not}; leave out --compress gzip")
        return _gzip(data, compress_gzip(data), "gzip was asked for")
    if why_not:
        return _plain(data, why_not)
    return _auto(data, image)


def _auto(data: bytes, image: FirmwareImage) -> Payload:
    if image.hash_ok is None:
        return _plain(
            data, "it was built with an Arduino core before 2.7.0, and boards with such a core cannot unpack"
        )
    mode = image.flash.mode if image.flash else None
    if mode not in _SAFE_FLASH_MODES:
        return _plain(
            data,
            f"the image asks for flash mode {mode or 'unknown'}, which some boards cannot do, and an image "
            "keeps its mode when it is compressed; --compress gzip does it all the same",
        )
    packed = compress_gzip(data)
    if len(packed) > len(data) * _WORTH_IT:
        return _plain(data, f"gzip would save only {len(data) - len(packed)} of {len(data)} bytes")
    return _gzip(data, packed, "ESP8266 boards unpack it themselves")


def _why_not(image: FirmwareImage) -> str:
    """Why unmodified boards cannot take a compressed image; empty when they can."""
    if image.hardware != HARDWARE_ESP8266:
        return ESP32_HAS_NO_GZIP
    if image.kind is not Kind.ESP8266_ARDUINO:
        return "only Arduino builds for the ESP8266 are known to be unpacked by the boards"
    return ""


def _never(data: bytes, image: FirmwareImage) -> Payload:
    if image.kind is Kind.GZIP:
        return _plain(
            extract_application(data, image), "the file was unpacked, since no compression was asked for"
        )
    return _plain(data, "no compression was asked for")


def _as_given(data: bytes, image: FirmwareImage) -> Payload:
    if image.hardware != HARDWARE_ESP8266:
        raise FirmwareError(f"{_why_not(image)}; use --compress never to send what the file holds")
    return Payload(data, "gzip", image.md5, "the file is compressed already")


def _plain(data: bytes, reason: str) -> Payload:
    return Payload(data, None, _md5(data), reason)


def _gzip(data: bytes, packed: bytes, reason: str) -> Payload:
    saved = 100 - 100 * len(packed) / len(data)
    needs = "they need Arduino core 2.7.0 or later for it"
    return Payload(packed, "gzip", _md5(packed), f"{reason}, {saved:.0f} % less; {needs}")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
