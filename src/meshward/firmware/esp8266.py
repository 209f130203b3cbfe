"""ESP8266 images: Arduino builds, those of other toolkits, and version 2 images.

An Arduino build is two images in one file. The boot ROM loads the first, eboot, from the start of the flash;
eboot loads the second, the sketch, from 0x1000. Builds since core 2.7 keep a length and a CRC-32 of the whole
file in the sketch (tools/elf2bin.py); both were put there after the sketch's own checksum was computed with
zeros in their place.
"""

import struct
import zlib
from dataclasses import dataclass, replace

from meshward.firmware.chips import ESP8266, HARDWARE_ESP8266
from meshward.firmware.image import FirmwareImage, Kind, Problem, Segment, error, note, warning
from meshward.firmware.segments import (
    HEADER_BYTES,
    IMAGE_MAGIC,
    SEGMENTS_MAX,
    Walk,
    eboot_crc,
    read_header,
    segment_checksum,
    walk_segments,
    xor_of,
)

#: First byte of a version 2 image.
V2_MAGIC = 0xEA
#: Where the sketch lies in an Arduino build, in bytes.
SKETCH_OFFSET = 0x1000
#: Where the Arduino boot loader is loaded to: no other toolkit uses that address.
EBOOT_ADDRESS = 0x4010F000
#: Length (u32) and CRC-32 (u32) of the file, in builds since core 2.7.
CRC_OFFSET = SKETCH_OFFSET + 16

#: Addresses, [start, end), that an ESP8266 image loads to: data RAM, instruction RAM, flash.
_LOADABLE = ((0x3FFE8000, 0x40000000), (0x40100000, 0x40110000), (0x40200000, 0x40300000))

_AGAIN = "copy or build the file again"
_TRUNCATED = "the file is cut off"
_CHECKSUM = "the checksum does not match: the file is damaged"


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the images in a file, with what its checksum says."""

    walk: Walk
    checksum_ok: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Sketch:
    """The second image of an Arduino build."""

    segments: tuple[Segment, ...]
    checksum_ok: bool | None
    crc_ok: bool | None
    problems: tuple[Problem, ...]


def looks_like_esp8266(data: bytes) -> bool:
    """Tells an ESP8266 image from one of the ESP32 family; both begin with 0xE9.

    Here the first segment's address follows the header at once; there, bytes of which the fourth is a pin's
    drive strength and never as high as such an address.
    """
    if len(data) < HEADER_BYTES + 4:
        return False
    address = int.from_bytes(data[HEADER_BYTES : HEADER_BYTES + 4], "little")
    return any(start <= address < end for start, end in _LOADABLE)


def read_esp8266(data: bytes, md5: str, sha256: str) -> FirmwareImage:
    """Reads a file that `looks_like_esp8266`."""
    header = read_header(data)
    first = _read_part(data, 0)
    image = FirmwareImage(
        kind=Kind.ESP8266_PLAIN,
        what="ESP8266 image that is not an Arduino build",
        size_bytes=len(data),
        md5=md5,
        sha256=sha256,
        chip=ESP8266.name,
        hardware=HARDWARE_ESP8266,
        flash=header.flash(HARDWARE_ESP8266, ESP8266),
        entry_point=header.entry_point,
        segments=first.walk.segments,
        checksum_ok=first.checksum_ok if first.walk.complete else None,
        problems=first.problems,
    )
    if any(segment.address == EBOOT_ADDRESS for segment in first.walk.segments):
        return _arduino(data, image)
    if image.errors:
        return image
    return replace(image, problems=(*image.problems, _unverifiable(data, first.walk.image_end)))


def read_esp8266_v2(data: bytes, md5: str, sha256: str) -> FirmwareImage:
    """Reads a file that begins with 0xEA: flash contents, then an image as of version 1, then a CRC-32."""
    image = FirmwareImage(
        kind=Kind.ESP8266_V2,
        what="ESP8266 version 2 image",
        size_bytes=len(data),
        md5=md5,
        sha256=sha256,
        chip=ESP8266.name,
        hardware=HARDWARE_ESP8266,
    )
    flash = walk_segments(data, HEADER_BYTES, 1)
    if not flash.complete or flash.end + HEADER_BYTES > len(data):
        return _with_problem(image, error("truncated", _TRUNCATED, _AGAIN))
    header = read_header(data, flash.end)
    if header.magic != IMAGE_MAGIC:
        return _with_problem(image, error("header", "its second header is damaged", _AGAIN))
    ram = _read_part(data, flash.end)
    image = replace(
        image,
        flash=header.flash(HARDWARE_ESP8266, ESP8266),
        entry_point=header.entry_point,
        segments=(*flash.segments, *ram.walk.segments),
        checksum_ok=ram.checksum_ok if ram.walk.complete else None,
        problems=ram.problems,
    )
    if image.errors:
        return image
    return _check_v2_crc(data, image, ram.walk.image_end)


def _check_v2_crc(data: bytes, image: FirmwareImage, end: int) -> FirmwareImage:
    if len(data) < end + 4:
        return _with_problem(image, error("truncated", _TRUNCATED, _AGAIN))
    # The SDK's oddity: a CRC with its highest bit set is inverted, any other is incremented.
    crc = zlib.crc32(data[:end])
    expected = crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1
    crc_ok = expected == int.from_bytes(data[end : end + 4], "little")
    image = replace(image, hash_ok=crc_ok)
    if not crc_ok:
        return _with_problem(image, error("hash", "the CRC-32 does not match: the file is damaged", _AGAIN))
    return replace(image, problems=(*image.problems, *_about_tail(data, end + 4)))


def _read_part(data: bytes, offset: int) -> _Part:
    """The image of version 1 at `offset`."""
    count = read_header(data, offset).segment_count
    if not 0 < count <= SEGMENTS_MAX:
        message = f"the header counts {count} segments, and boards load 1 to {SEGMENTS_MAX}"
        return _Part(Walk((), offset, complete=False), False, (error("header", message, _AGAIN),))
    walk = walk_segments(data, offset + HEADER_BYTES, count)
    if not walk.complete or walk.image_end > len(data):
        walk = replace(walk, complete=False)
        return _Part(walk, False, (error("truncated", _TRUNCATED, _AGAIN),))
    checksum_ok = segment_checksum(data, walk.segments) == data[walk.checksum_offset]
    problems = () if checksum_ok else (error("checksum", _CHECKSUM, _AGAIN),)
    return _Part(walk, checksum_ok, problems)


def _arduino(data: bytes, image: FirmwareImage) -> FirmwareImage:
    image = replace(image, kind=Kind.ESP8266_ARDUINO, what="ESP8266 Arduino application")
    if image.errors:
        return image
    sketch = _read_sketch(data)
    return replace(
        image,
        segments=(*image.segments, *sketch.segments),
        checksum_ok=sketch.checksum_ok,
        hash_ok=sketch.crc_ok,
        problems=sketch.problems,
    )


def _read_sketch(data: bytes) -> _Sketch:
    if len(data) < CRC_OFFSET + 8:
        problem = error(
            "truncated", "the file is cut off: it ends before the sketch, which begins at 0x1000", _AGAIN
        )
        return _Sketch((), None, None, (problem,))
    if data[SKETCH_OFFSET] != IMAGE_MAGIC:
        problem = error("header", "there is a boot loader, but no sketch at 0x1000", _AGAIN)
        return _Sketch((), None, None, (problem,))
    part = _read_part(data, SKETCH_OFFSET)
    if not part.walk.complete:
        return _Sketch(part.walk.segments, None, None, part.problems)
    return _check_sketch(data, part)


def _check_sketch(data: bytes, part: _Part) -> _Sketch:
    segments, end = part.walk.segments, part.walk.image_end
    crc_length, crc = struct.unpack_from("<II", data, CRC_OFFSET)
    if crc_length == end:
        crc_ok = eboot_crc(data[:CRC_OFFSET] + bytes(8) + data[CRC_OFFSET + 8 : end]) == crc
        problem = error(
            "hash", "the CRC-32 does not match: the file is damaged, or was changed after the build", _AGAIN
        )
        problems = _about_tail(data, end) if crc_ok else (problem,)
        return _Sketch(segments, _checksum_without_crc_ok(data, part), crc_ok, problems)
    # Without a CRC the checksum is all there is (cores before 2.7).
    if not part.checksum_ok:
        return _Sketch(segments, False, None, part.problems)
    weak = note(
        "no_hash", "it carries no CRC-32, only an 8-bit checksum, which misses one damaged file in 256"
    )
    return _Sketch(segments, True, None, (weak, *_about_tail(data, end)))


def _checksum_without_crc_ok(data: bytes, part: _Part) -> bool:
    """The sketch's checksum, taken with zeros in place of the length and the CRC."""
    checksum = segment_checksum(data, part.walk.segments) ^ xor_of(data[CRC_OFFSET : CRC_OFFSET + 8])
    return checksum == data[part.walk.checksum_offset]


def _about_tail(data: bytes, end: int) -> tuple[Problem, ...]:
    tail = data[end:]
    if not tail:
        return ()
    if not tail.strip(b"\xff") or not tail.strip(b"\x00"):
        return (note("padding", f"{len(tail)} bytes of padding follow the image"),)
    # Signed Arduino builds end with the signature and its length (tools/signing.py).
    if len(tail) == 4 + int.from_bytes(tail[-4:], "little"):
        return (note("signature", "a signature follows the image; it is not checked here"),)
    return (
        warning(
            "trailing_data",
            f"{len(tail)} bytes that do not belong to the image follow it, perhaps a file system",
            "take the application file as the build wrote it",
        ),
    )


def _unverifiable(data: bytes, end: int) -> Problem:
    rest = len(data) - end
    return warning(
        "unverifiable",
        f"it has no Arduino boot loader, and the {rest} bytes after its first {end} carry no checksum "
        "that is known here",
        "give the .bin file of the Arduino or PlatformIO build",
    )


def _with_problem(image: FirmwareImage, problem: Problem) -> FirmwareImage:
    return replace(image, problems=(*image.problems, problem))
