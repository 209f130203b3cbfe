"""Contents of a whole flash: boot loader, partition table and application in one file.

Tools make them for the first flashing over USB (`esptool merge-bin`, the IDE's `.merged.bin`), at offset 0.
Over the air only the application is wanted; this finds it (ESP-IDF: partition tables, bootloader_utility.c).
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass

from meshward.firmware.chips import BOOTLOADER_OFFSETS
from meshward.firmware.esp32 import HEADERS_BYTES, image_end
from meshward.firmware.image import Partition
from meshward.firmware.segments import IMAGE_MAGIC, SEGMENTS_MAX, read_header, walk_segments
from meshward.text import printable

#: First two bytes of an entry of a partition table.
ENTRY_MAGIC = b"\xaa\x50"
#: First two bytes of the entry that holds the table's MD5.
MD5_MAGIC = b"\xeb\xeb"
#: magic, type, subtype, offset, size, label, flags.
ENTRY = struct.Struct("<2sBBII16sI")
#: Entries that fit the table's 3 KB (ESP-IDF: ESP_PARTITION_TABLE_MAX_ENTRIES).
ENTRIES_MAX = 95

#: Where tables lie: 0x8000 unless the project moved it, to make room for a larger boot loader, in 4 KB steps.
TABLE_OFFSETS = tuple(range(0x8000, 0x21000, 0x1000))

TYPE_APP, TYPE_DATA = 0, 1
_SUBTYPE_FACTORY, _SUBTYPE_OTADATA, _SUBTYPE_TEST = 0x00, 0x00, 0x20
_SUBTYPES_OTA = range(0x10, 0x20)

_SECTOR_BYTES = 4096
_NO_SEQUENCE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table."""

    offset: int
    partitions: tuple[Partition, ...]
    #: Whether the MD5 it carries holds; None when it carries none.
    md5_ok: bool | None


@dataclass(frozen=True, slots=True)
class Flash:
    """What was found in the contents of a flash."""

    table: Table | None
    #: The partition a board would boot; None when no application is there.
    partition: Partition | None = None
    #: Where its application ends, in bytes from the start of the file.
    app_end: int | None = None
    #: How many partitions hold an application.
    app_count: int = 0


def read_flash(data: bytes) -> Flash | None:
    """What the contents of a flash hold; None when `data` is not that."""
    table = _find_table(data)
    if table is not None:
        return _with_app(data, table)
    if data[:1] == b"\xff" and any(_bootloader_end(data, offset) for offset in BOOTLOADER_OFFSETS[1:]):
        return Flash(None)
    return None


def read_table(data: bytes, offset: int) -> Table | None:
    """The partition table at `offset`, if there is one."""
    partitions: list[Partition] = []
    for position in range(offset, offset + ENTRIES_MAX * ENTRY.size, ENTRY.size):
        entry = data[position : position + ENTRY.size]
        if entry[:2] == MD5_MAGIC and len(entry) == ENTRY.size:
            md5 = hashlib.md5(data[offset:position], usedforsecurity=False).digest()
            return Table(offset, tuple(partitions), md5_ok=md5 == entry[16:]) if partitions else None
        partition = _read_entry(entry)
        if partition is None:
            break
        partitions.append(partition)
    return Table(offset, tuple(partitions), md5_ok=None) if partitions else None


def _read_entry(entry: bytes) -> Partition | None:
    if len(entry) < ENTRY.size or entry[:2] != ENTRY_MAGIC:
        return None
    _, kind, subtype, offset, size_bytes, label, _ = ENTRY.unpack(entry)
    if not size_bytes or offset % _SECTOR_BYTES:
        return None
    text = printable(label.split(b"\0", 1)[0].decode("utf-8", "replace"), limit=len(label))
    return Partition(text, kind, subtype, offset, size_bytes)


def _find_table(data: bytes) -> Table | None:
    """A table that stands behind a boot loader: one inside an application's constants is not one."""
    for offset in TABLE_OFFSETS:
        if data[offset : offset + 2] != ENTRY_MAGIC:
            continue
        table = read_table(data, offset)
        if table is not None and any(_bootloader_fits(data, start, offset) for start in BOOTLOADER_OFFSETS):
            return table
    return None


def _bootloader_fits(data: bytes, start: int, table_offset: int) -> bool:
    if data[:start].strip(b"\xff"):
        return False
    end = _bootloader_end(data, start)
    return end is not None and end <= table_offset


def _bootloader_end(data: bytes, start: int) -> int | None:
    """Where the segments of an image at `start` end, in bytes; None when there is none."""
    if len(data) < start + HEADERS_BYTES or data[start] != IMAGE_MAGIC:
        return None
    count = read_header(data, start).segment_count
    if not 0 < count <= SEGMENTS_MAX:
        return None
    walk = walk_segments(data, start + HEADERS_BYTES, count)
    return walk.image_end if walk.complete else None


def _with_app(data: bytes, table: Table) -> Flash:
    apps = [part for part in table.partitions if part.type == TYPE_APP and _holds_image(data, part)]
    if not apps:
        return Flash(table)
    partition = _booted(data, table, apps)
    content = data[partition.offset : partition.offset + partition.size_bytes]
    length = image_end(content)
    # A damaged application is handed on as far as it goes, to be told what is wrong with it.
    end = partition.offset + (len(content.rstrip(b"\xff")) if length is None else length)
    return Flash(table, partition, end, len(apps))


def _holds_image(data: bytes, partition: Partition) -> bool:
    return data[partition.offset : partition.offset + 1] == bytes([IMAGE_MAGIC])


def _booted(data: bytes, table: Table, apps: list[Partition]) -> Partition:
    """The application a board with this flash starts: what `otadata` says, else factory, else the first."""
    slots = sorted(
        (part for part in table.partitions if part.type == TYPE_APP and part.subtype in _SUBTYPES_OTA),
        key=lambda part: part.subtype,
    )
    sequence = _ota_sequence(data, table)
    if sequence is not None and slots:
        chosen = slots[(sequence - 1) % len(slots)]
        if chosen in apps:
            return chosen
    order = {_SUBTYPE_FACTORY: 0, **dict.fromkeys(_SUBTYPES_OTA, 1), _SUBTYPE_TEST: 2}
    return min(apps, key=lambda part: (order.get(part.subtype, 3), part.subtype))


def _ota_sequence(data: bytes, table: Table) -> int | None:
    """The highest valid sequence number in `otadata`'s two sectors."""
    valid = []
    for part in table.partitions:
        if part.type != TYPE_DATA or part.subtype != _SUBTYPE_OTADATA:
            continue
        for offset in (part.offset, part.offset + _SECTOR_BYTES):
            entry = data[offset : offset + 32]
            sequence = int.from_bytes(entry[:4], "little")
            crc = int.from_bytes(entry[28:], "little")
            usable = len(entry) == 32 and 0 < sequence < _NO_SEQUENCE
            if usable and zlib.crc32(entry[:4], 0xFFFFFFFF) == crc:
                valid.append(sequence)
    return max(valid, default=None)
