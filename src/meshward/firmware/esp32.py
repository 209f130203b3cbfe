"""Images of the ESP32 family (ESP-IDF: esp_image_format.h, esp_app_desc.h)."""

import hashlib
import struct
from dataclasses import dataclass

from meshward.firmware.chips import ESP32_DEFAULT_SLOT_BYTES, HARDWARE_ESP32, Chip, chip_by_id
from meshward.firmware.image import AppDescription, FirmwareImage, Kind, Problem, error, note, warning
from meshward.firmware.segments import (
    HEADER_BYTES,
    SEGMENTS_MAX,
    Header,
    Walk,
    read_header,
    segment_checksum,
    walk_segments,
)
from meshward.text import printable

#: The common header and the extended one.
HEADERS_BYTES = HEADER_BYTES + 16
APP_DESCRIPTION_MAGIC = 0xABCD5432
#: magic, secure version, 8 reserved, version, project, time, date, IDF version, ELF SHA-256.
APP_DESCRIPTION = struct.Struct("<II8x32s32s16s16s32s32s")
#: SHA-256 of everything before it, when the header says so.
HASH_BYTES = 32

_CHIP_ID_OFFSET = 12
_HASH_FLAG_OFFSET = 23
#: Secure boot v2 puts its signature block at the next 4 KB boundary; v1 puts 68 bytes right after the image.
_SIGNATURE_ALIGNMENT = 4096
_SIGNATURE_MAGIC = 0xE7
_SIGNATURE_V1_BYTES = 68

_AGAIN = "copy or build the file again"


@dataclass(frozen=True, slots=True)
class _Integrity:
    """What the checksum and the hash say, and where the image ends, in bytes."""

    checksum_ok: bool | None
    hash_ok: bool | None
    end: int | None
    problems: tuple[Problem, ...]


def read_esp32(data: bytes, md5: str, sha256: str) -> FirmwareImage:
    """Reads a file that begins with the headers of an image of the ESP32 family."""
    header = read_header(data)
    chip_id = int.from_bytes(data[_CHIP_ID_OFFSET : _CHIP_ID_OFFSET + 2], "little")
    chip = chip_by_id(chip_id)
    count_ok = 0 < header.segment_count <= SEGMENTS_MAX
    walk = walk_segments(data, HEADERS_BYTES, header.segment_count if count_ok else 0)
    integrity = _check(data, header, walk)
    app = read_app_description(data, walk)
    is_app = app is not None or integrity.end is None or _runs_from_flash(chip, walk)
    name = chip.name if chip else f"chip {chip_id} of the ESP32 family"
    return FirmwareImage(
        kind=Kind.ESP32_APP if is_app else Kind.ESP32_BOOTLOADER,
        what=f"{name} {'application' if is_app else 'boot loader'}",
        size_bytes=len(data),
        md5=md5,
        sha256=sha256,
        chip=chip.name if chip else None,
        chip_id=chip_id,
        hardware=HARDWARE_ESP32,
        flash=header.flash(HARDWARE_ESP32, chip),
        entry_point=header.entry_point,
        segments=walk.segments,
        checksum_ok=integrity.checksum_ok,
        hash_ok=integrity.hash_ok,
        app=app,
        problems=(
            *integrity.problems,
            *_about_chip(chip, chip_id),
            *(_about_app(len(data), app) if is_app and integrity.end is not None else ()),
        ),
    )


def image_end(data: bytes) -> int | None:
    """Where the image at the start of `data` ends, its signature included, in bytes; None: damaged."""
    if len(data) < HEADERS_BYTES:
        return None
    header = read_header(data)
    walk = walk_segments(data, HEADERS_BYTES, min(header.segment_count, SEGMENTS_MAX))
    end = _check(data, header, walk).end
    if end is None:
        return None
    signature = _signature_end(data, end)
    return signature or end


def read_app_description(data: bytes, walk: Walk) -> AppDescription | None:
    """The application's description at the start of its first segment, if it has one."""
    if not walk.segments or walk.segments[0].size_bytes < APP_DESCRIPTION.size:
        return None
    magic, secure_version, version, project, time, date, idf, elf_sha256 = APP_DESCRIPTION.unpack_from(
        data, walk.segments[0].offset
    )
    if magic != APP_DESCRIPTION_MAGIC:
        return None
    return AppDescription(
        project=_text(project),
        version=_text(version),
        idf_version=_text(idf),
        build_date=_text(date),
        build_time=_text(time),
        secure_version=secure_version,
        elf_sha256=elf_sha256.hex(),
    )


def _check(data: bytes, header: Header, walk: Walk) -> _Integrity:
    if not 0 < header.segment_count <= SEGMENTS_MAX:
        return _broken(
            "header",
            f"the header counts {header.segment_count} segments, and boards load 1 to {SEGMENTS_MAX}",
        )
    hashed = data[_HASH_FLAG_OFFSET] != 0
    wanted = walk.image_end + (HASH_BYTES if hashed else 0)
    if not walk.complete:
        return _broken(
            "truncated",
            f"the file ends in segment {len(walk.segments) + 1} of {header.segment_count}: "
            "it was cut off, or its header is damaged",
        )
    if wanted > len(data):
        return _broken("truncated", f"the file is cut off: {wanted - len(data)} bytes are missing at its end")
    checksum_ok = segment_checksum(data, walk.segments) == data[walk.checksum_offset]
    hash_ok = _hash_ok(data, walk.image_end) if hashed else None
    return _Integrity(
        checksum_ok, hash_ok, wanted, (*_verdict(checksum_ok, hash_ok), *_about_tail(data, wanted))
    )


def _broken(code: str, message: str) -> _Integrity:
    return _Integrity(None, None, None, (error(code, message, _AGAIN),))


def _hash_ok(data: bytes, end: int) -> bool:
    return hashlib.sha256(data[:end]).digest() == data[end : end + HASH_BYTES]


def _verdict(checksum_ok: bool, hash_ok: bool | None) -> tuple[Problem, ...]:
    if hash_ok is False:
        message = "the SHA-256 at its end does not match: the file is damaged, or was changed after the build"
        return (error("hash", message, _AGAIN),)
    if not checksum_ok:
        return (error("checksum", "the checksum does not match: the file is damaged", _AGAIN),)
    if hash_ok is None:
        message = "it carries no SHA-256, only an 8-bit checksum, which misses one damaged file in 256"
        return (note("no_hash", message),)
    return ()


def _about_tail(data: bytes, end: int) -> tuple[Problem, ...]:
    tail = data[end:]
    if not tail:
        return ()
    if not tail.strip(b"\xff") or not tail.strip(b"\x00"):
        return (note("padding", f"{len(tail)} bytes of padding follow the image"),)
    signature_end = _signature_end(data, end)
    if signature_end is not None and not data[signature_end:].strip(b"\xff"):
        return (note("signature", "a secure-boot signature follows the image; it is not checked here"),)
    return (
        warning(
            "trailing_data",
            f"{len(tail)} bytes that do not belong to the image follow it",
            "take the application file as the build wrote it",
        ),
    )


def _signature_end(data: bytes, end: int) -> int | None:
    """Where a secure-boot signature after the image ends, in bytes."""
    block = -(-end // _SIGNATURE_ALIGNMENT) * _SIGNATURE_ALIGNMENT
    if data[block : block + 1] == bytes([_SIGNATURE_MAGIC]) and len(data) >= block + _SIGNATURE_ALIGNMENT:
        return block + _SIGNATURE_ALIGNMENT
    if len(data) == end + _SIGNATURE_V1_BYTES and data[end : end + 4] == bytes(4):
        return end + _SIGNATURE_V1_BYTES
    return None


def _runs_from_flash(chip: Chip | None, walk: Walk) -> bool:
    """Boot loaders are loaded into RAM whole; applications have code or constants in flash."""
    return chip is None or any(chip.maps_flash(segment.address) for segment in walk.segments)


def _about_chip(chip: Chip | None, chip_id: int) -> tuple[Problem, ...]:
    if chip is None:
        message = f"its chip, number {chip_id}, is not one this version knows"
        return (warning("unknown_chip", message, "check that it was built for your boards"),)
    if not chip.wifi:
        message = (
            f"the {chip.name} has no Wi-Fi of its own, so its boards cannot be in a painlessMesh network"
        )
        return (warning("no_wifi", message, "check that it was built for your boards"),)
    return ()


def _about_app(size_bytes: int, app: AppDescription | None) -> tuple[Problem, ...]:
    problems = []
    if app is None:
        problems.append(note("no_description", "it carries no description (built before ESP-IDF 3.3?)"))
    if size_bytes > ESP32_DEFAULT_SLOT_BYTES:
        message = (
            f"it is larger than {ESP32_DEFAULT_SLOT_BYTES} bytes, the application slot of Arduino's default "
            "partition table for 4 MB boards"
        )
        problems.append(note("large", message, "check that your boards have a larger slot"))
    return tuple(problems)


def _text(field: bytes) -> str:
    return printable(field.split(b"\0", 1)[0].decode("utf-8", "replace"), limit=len(field))
