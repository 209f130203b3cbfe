"""What all Espressif images share: a header, then segments, then a checksum at the next 16-byte boundary."""

import struct
import zlib
from dataclasses import dataclass

from meshward.firmware.chips import Chip, flash_frequency_mhz, flash_mode, flash_size
from meshward.firmware.image import FlashSettings, Segment

#: First byte of an image that a boot ROM or boot loader of any of the chips accepts.
IMAGE_MAGIC = 0xE9
#: The header all share: magic, segments, flash mode, flash size and frequency, entry point.
HEADER_BYTES = 8
#: Boot loaders load no more than 16 segments (ESP-IDF: ESP_IMAGE_MAX_SEGMENTS).
SEGMENTS_MAX = 16

_CHECKSUM_START = 0xEF
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Header:
    """The first eight bytes."""

    magic: int
    segment_count: int
    mode: int
    size_and_frequency: int
    entry_point: int

    def flash(self, hardware: str, chip: Chip | None) -> FlashSettings:
        """What it says of the flash, on a chip that may be unknown."""
        size, frequency = self.size_and_frequency >> 4, self.size_and_frequency & 15
        return FlashSettings(
            flash_mode(self.mode), flash_size(hardware, size), flash_frequency_mhz(chip, frequency)
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """The segments found, and whether they were all there."""

    segments: tuple[Segment, ...]
    #: Just after the last segment, or where the file stopped short, in bytes.
    end: int
    complete: bool

    @property
    def checksum_offset(self) -> int:
        """The last byte of the 16 that the segments end in."""
        return self.end | 15

    @property
    def image_end(self) -> int:
        """Just after the checksum."""
        return self.checksum_offset + 1


def read_header(data: bytes, offset: int = 0) -> Header:
    """The header at `offset`, which must be `HEADER_BYTES` before the end at least."""
    return Header(*struct.unpack_from("<BBBBI", data, offset))


def walk_segments(data: bytes, offset: int, count: int) -> Walk:
    """Steps over `count` segments from `offset`, stopping where the file ends."""
    segments: list[Segment] = []
    for _ in range(count):
        if offset + 8 > len(data):
            return Walk(tuple(segments), offset, complete=False)
        address, size_bytes = struct.unpack_from("<II", data, offset)
        if offset + 8 + size_bytes > len(data):
            return Walk(tuple(segments), offset, complete=False)
        segments.append(Segment(address, size_bytes, offset + 8))
        offset += 8 + size_bytes
    return Walk(tuple(segments), offset, complete=True)


def segment_checksum(data: bytes, segments: tuple[Segment, ...]) -> int:
    """XOR of all bytes of the segments and of 0xEF."""
    checksum = _CHECKSUM_START
    for segment in segments:
        checksum ^= xor_of(data[segment.offset : segment.offset + segment.size_bytes])
    return checksum


def xor_of(data: bytes) -> int:
    """XOR of all bytes, by folding one large number: a loop over a megabyte takes a hundred times longer."""
    value, width = int.from_bytes(data, "little"), len(data)
    while width > 1:
        width = (width + 1) // 2
        value = (value >> (8 * width)) ^ (value & ((1 << (8 * width)) - 1))
    return value


def eboot_crc(data: bytes) -> int:
    """CRC-32 as eboot computes it: highest bit first, not inverted at the end (CRC-32/MPEG-2).

    zlib's is the same polynomial, lowest bit first: reversed bits in, reversed bits out.
    """
    crc = zlib.crc32(data.translate(_REVERSED_BITS)) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
