"""Looking at a file: what it is, whether it is whole, what it is for."""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from meshward.errors import FirmwareError
from meshward.firmware.esp32 import HEADERS_BYTES, read_esp32
from meshward.firmware.esp8266 import V2_MAGIC, looks_like_esp8266, read_esp8266, read_esp8266_v2
from meshward.firmware.flash import Flash, read_flash
from meshward.firmware.foreign import identify
from meshward.firmware.image import FirmwareImage, Kind, Problem, error, note, warning
from meshward.firmware.segments import IMAGE_MAGIC

#: The most a gzip file is unpacked to, in bytes: no board has more flash for an application, and a file of
#: a few KB can claim gigabytes.
UNPACKED_BYTES_MAX = 16 * 1024 * 1024

GZIP_MAGIC = b"\x1f\x8b"

_AGAIN = "copy or build the file again"
_GZIP_AGAIN = (
    "compress the application again, or give it as it is: gzip is made for ESP8266 boards on the way"
)


def inspect(data: bytes) -> FirmwareImage:
    """Everything known of a file's content. Any bytes will do: what is wrong is told in `problems`."""
    return _inspect(data, within_gzip=False)


def extract_application(data: bytes, image: FirmwareImage) -> bytes:
    """The bytes of the application inside a whole flash or a gzip file; `image` is `inspect(data)`.

    A file that is an application itself comes back as it is. Raises FirmwareError when there is none.
    """
    if image.kind is Kind.GZIP:
        unpacked = _unpack(data)
        if unpacked.problem is not None or image.inner is None:
            raise FirmwareError(_no_application(image))
        return extract_application(unpacked.data, image.inner)
    if image.kind is Kind.FLASH:
        if image.inner is None or image.inner_offset is None:
            raise FirmwareError(_no_application(image))
        return data[image.inner_offset : image.inner_offset + image.inner.size_bytes]
    if image.kind is Kind.OTHER:
        raise FirmwareError(_no_application(image))
    return data


def _no_application(image: FirmwareImage) -> str:
    reasons = "; ".join(problem.message for problem in image.errors)
    return f"there is no application in this file: {reasons or image.what}"


def _inspect(data: bytes, *, within_gzip: bool) -> FirmwareImage:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(data).hexdigest()
    if data.startswith(GZIP_MAGIC) and not within_gzip:
        return _gzip(data, md5, sha256)
    flash = read_flash(data)
    if flash is not None:
        return _flash(data, flash, md5, sha256)
    return _reader(data)(data, md5, sha256)


def _reader(data: bytes) -> Callable[[bytes, str, str], FirmwareImage]:
    if len(data) >= HEADERS_BYTES and data[0] == IMAGE_MAGIC:
        return read_esp8266 if looks_like_esp8266(data) else read_esp32
    if len(data) >= HEADERS_BYTES and data[0] == V2_MAGIC and data[1] == 4:
        return read_esp8266_v2
    return _other


def _other(data: bytes, md5: str, sha256: str) -> FirmwareImage:
    if data[:1] == bytes([IMAGE_MAGIC]):
        message = f"the file is cut off: {len(data)} bytes are less than the header of an image"
        what, problem = "beginning of an image", error("truncated", message, _AGAIN)
    elif data.startswith(GZIP_MAGIC):
        what = "gzip file within a gzip file"
        problem = error("nested_gzip", "a gzip file within a gzip file: boards unpack once", "unpack it once")
    else:
        foreign = identify(data)
        what = foreign.what.split(":")[0]
        problem = error(foreign.code, f"this is {foreign.what}", foreign.remedy)
    return FirmwareImage(Kind.OTHER, what, len(data), md5, sha256, problems=(problem,))


def _flash(data: bytes, flash: Flash, md5: str, sha256: str) -> FirmwareImage:
    image = FirmwareImage(
        kind=Kind.FLASH,
        what="contents of a whole flash",
        size_bytes=len(data),
        md5=md5,
        sha256=sha256,
        partitions=flash.table.partitions if flash.table else (),
    )
    if flash.partition is None or flash.app_end is None:
        message = "the contents of a whole flash, and no application is in it"
        problem = error("no_application", message, "give the .bin file of the application")
        return replace(image, problems=(problem,))
    offset = flash.partition.offset
    inner = _application(data[offset : flash.app_end])
    return replace(
        image,
        what=f"contents of a whole flash, with an {inner.what}" if inner.chip else image.what,
        chip=inner.chip,
        chip_id=inner.chip_id,
        hardware=inner.hardware,
        flash=inner.flash,
        app=inner.app,
        inner=inner,
        inner_offset=offset,
        problems=_about_flash(flash, offset),
    )


def _application(data: bytes) -> FirmwareImage:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return _reader(data)(data, md5, hashlib.sha256(data).hexdigest())


def _about_flash(flash: Flash, offset: int) -> tuple[Problem, ...]:
    problems = []
    label = flash.partition.label if flash.partition else ""
    if flash.table is not None and flash.table.md5_ok is False:
        problems.append(warning("partition_table", "the partition table's own MD5 does not match", _AGAIN))
    if flash.app_count > 1:
        message = (
            f"{flash.app_count} partitions hold an application; the one a board would start was taken: "
            f"{label} at {offset:#x}"
        )
        problems.append(note("several_applications", message))
    return tuple(problems)


@dataclass(frozen=True, slots=True)
class _Unpacked:
    data: bytes
    problem: Problem | None = None


def _gzip(data: bytes, md5: str, sha256: str) -> FirmwareImage:
    image = FirmwareImage(Kind.GZIP, "gzip file", len(data), md5, sha256, compression="gzip")
    unpacked = _unpack(data)
    if unpacked.problem is not None:
        return replace(image, problems=(unpacked.problem,))
    inner = _inspect(unpacked.data, within_gzip=True)
    return replace(
        image,
        what=f"gzip file with: {inner.what}",
        chip=inner.chip,
        chip_id=inner.chip_id,
        hardware=inner.hardware,
        flash=inner.flash,
        app=inner.app,
        inner=inner,
    )


def _unpack(data: bytes) -> _Unpacked:
    """The content of a gzip file, of at most `UNPACKED_BYTES_MAX`."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(data, UNPACKED_BYTES_MAX + 1)
    except zlib.error:
        return _Unpacked(b"", error("gzip_damaged", "the gzip file is damaged", _GZIP_AGAIN))
    if len(content) > UNPACKED_BYTES_MAX:
        message = (
            f"the gzip file unpacks to more than {UNPACKED_BYTES_MAX} bytes, more than any board can hold"
        )
        return _Unpacked(b"", error("gzip_bomb", message, "give the .bin file of the application"))
    if not unpacker.eof:
        return _Unpacked(b"", error("truncated", "the gzip file is cut off", _GZIP_AGAIN))
    if unpacker.unused_data:
        # The ESP8266 boot loader reads the unpacked length from the last four bytes of what it was sent.
        message = (
            f"{len(unpacker.unused_data)} bytes follow the end of the gzip stream, and boards refuse that"
        )
        return _Unpacked(b"", error("gzip_trailing", message, _GZIP_AGAIN))
    return _Unpacked(content)
