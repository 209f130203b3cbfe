"""Images made up for tests and demos: valid to the last byte, and compressing like real ones.

The same arguments give the same bytes. No board would run them: the code in them is noise with the statistics
of compiled code (deflate takes it to about two thirds, as it does real images).
"""

import hashlib
import random
import struct

from meshward.errors import FirmwareError
from meshward.firmware.chips import ESP32, HARDWARE_ESP8266, Chip, chip_by_name
from meshward.firmware.esp32 import APP_DESCRIPTION, APP_DESCRIPTION_MAGIC, HASH_BYTES, HEADERS_BYTES
from meshward.firmware.esp8266 import CRC_OFFSET, EBOOT_ADDRESS, SKETCH_OFFSET
from meshward.firmware.flash import ENTRY, ENTRY_MAGIC, MD5_MAGIC, TYPE_APP, TYPE_DATA
from meshward.firmware.segments import HEADER_BYTES, IMAGE_MAGIC, eboot_crc, segment_checksum, walk_segments

#: Smallest images made, in bytes.
ESP32_BYTES_MIN = 1024
ESP8266_BYTES_MIN = 2 * SKETCH_OFFSET

#: Where merged flash contents hold the table and the application, as Arduino's default layout does.
TABLE_OFFSET = 0x8000
APP_OFFSET = 0x10000

_DIO, _SIZE_4MB_40MHZ = 2, 0x20
_SIZE_4MB_40MHZ_ESP8266 = 0x40
_PAGE_BYTES = 0x10000
_APP_DESCRIPTION_BYTES = 256

# Where data and code lie in RAM, by where constants are mapped: that tells the chips' memory maps apart.
_RAM = {
    0x3F400000: (0x3FFB0000, 0x40080000),  # ESP32
    0x3F000000: (0x3FFB0000, 0x40024000),  # ESP32-S2
    0x3C000000: (0x3FC90000, 0x40380000),  # ESP32-S3, C3, C2
    0x42000000: (0x40820000, 0x40800000),  # ESP32-C6, C5, C61, H2, H21, H4
    0x40000000: (0x4FF40000, 0x4FF00000),  # ESP32-P4
}

# Steepness of the distribution of byte values, and how often and how far back code repeats itself: fitted to
# real ESP32 and ESP8266 applications at deflate windows from 1 to 32 KB.
_SKEW = 0.8
_REPEAT_EVERY_BYTES = 26
_REPEAT_BACK_BYTES = 32_000
# Another version differs in about one 16-byte line of 64, scattered.
_CHANGE_EVERY_BYTES = 1024


def synthetic_image(
    size_bytes: int,
    *,
    hardware: str = "ESP32",
    project: str = "sensor",
    version: str = "1.0.0",
    seed: int = 1,
) -> bytes:
    """An application for a chip (`ESP32`, `ESP32-C3`, ... or `ESP8266`), rounded up to 16 bytes.

    Versions of one seed resemble each other as builds of one project do. Raises FirmwareError for a chip or a
    size that cannot be.
    """
    chip = chip_by_name(hardware)
    if chip is None:
        raise FirmwareError(f"no chip is called {hardware}; try ESP32, ESP32-S3, ESP32-C3 or ESP8266")
    if chip.hardware == HARDWARE_ESP8266:
        return _esp8266(size_bytes, f"{project}:{seed}", version)
    return _esp32(size_bytes, chip, project, version, seed)


def synthetic_flash(app: bytes, *, hardware: str = "ESP32", slot_bytes: int = 0x140000) -> bytes:
    """Contents of a whole flash with `app` in its first slot, as tools make them for flashing over USB."""
    chip = chip_by_name(hardware) or ESP32
    flash = bytearray(b"\xff" * APP_OFFSET)
    bootloader = synthetic_bootloader(chip)
    flash[chip.bootloader_offset : chip.bootloader_offset + len(bootloader)] = bootloader
    table = b"".join(
        (
            _entry("nvs", TYPE_DATA, 0x02, 0x9000, 0x5000),
            _entry("otadata", TYPE_DATA, 0x00, 0xE000, 0x2000),
            _entry("app0", TYPE_APP, 0x10, APP_OFFSET, slot_bytes),
            _entry("app1", TYPE_APP, 0x11, APP_OFFSET + slot_bytes, slot_bytes),
        )
    )
    table += MD5_MAGIC + b"\xff" * 14 + hashlib.md5(table, usedforsecurity=False).digest()
    flash[TABLE_OFFSET : TABLE_OFFSET + len(table)] = table
    return bytes(flash) + app


def synthetic_bootloader(chip: Chip = ESP32) -> bytes:
    """A second-stage boot loader: an image that lies in RAM whole."""
    _, ram = _RAM[chip.flash_windows[0][0]]
    return _seal_esp32(chip, ram, [(ram, _code(4096, f"boot:{chip.name}"))])


def _esp32(size_bytes: int, chip: Chip, project: str, version: str, seed: int) -> bytes:
    if size_bytes < ESP32_BYTES_MIN:
        raise FirmwareError(f"an image of {size_bytes} bytes is too small; {ESP32_BYTES_MIN} at least")
    description = _description(project, version, seed)
    segments: list[tuple[int, bytes]] = []
    for address, room in _esp32_layout(size_bytes, chip):
        content = _code(room, f"{project}:{seed}:{len(segments)}", version)
        if not segments:
            content = description + content[len(description) :]
        segments.append((address, content))
    return _seal_esp32(chip, segments[-1][0] + 4, segments)


def _esp32_layout(size_bytes: int, chip: Chip) -> list[tuple[int, int]]:
    """Address and size of each segment: constants, code in flash where it fits, data, code in RAM.

    What is mapped must lie at the same offset within its 64 KB page in the file as in memory.
    """
    constants, code = chip.flash_windows[0][0], chip.flash_windows[-1][0] + _PAGE_BYTES
    first = HEADERS_BYTES + 8
    end = -(-size_bytes // 16) * 16 - HASH_BYTES - 1
    ram_bytes = min(size_bytes // 10 // 4 * 4, 0x10000)
    data_bytes = ram_bytes // 4 // 4 * 4
    if size_bytes <= 2 * _PAGE_BYTES:
        flash = [(constants + first, end - first - ram_bytes - data_bytes - 16)]
    else:
        code_bytes = end - _PAGE_BYTES - first - ram_bytes - data_bytes - 16
        flash = [(constants + first, _PAGE_BYTES - 8), (code + first, code_bytes)]
    flash[-1] = (flash[-1][0], flash[-1][1] // 4 * 4)
    data_ram, code_ram = _RAM[chip.flash_windows[0][0]]
    return [*flash, (data_ram, data_bytes), (code_ram, ram_bytes)]


def _seal_esp32(chip: Chip, entry_point: int, segments: list[tuple[int, bytes]]) -> bytes:
    header = struct.pack("<BBBBI", IMAGE_MAGIC, len(segments), _DIO, _SIZE_4MB_40MHZ, entry_point)
    # Pins left to the flash chip (0xEE), the chip's number, any revision, and the hash flag.
    extended = struct.pack("<B3xHBHH4xB", 0xEE, chip.chip_id or 0, 0, 0, 0xFFFF, 1)
    image = _with_checksum(header + extended, segments)
    return image + hashlib.sha256(image).digest()


def _with_checksum(headers: bytes, segments: list[tuple[int, bytes]]) -> bytes:
    body = headers + b"".join(
        struct.pack("<II", address, len(content)) + content for address, content in segments
    )
    walk = walk_segments(body, len(headers), len(segments))
    padding = bytes(walk.checksum_offset - len(body))
    return body + padding + bytes([segment_checksum(body, walk.segments)])


def _description(project: str, version: str, seed: int) -> bytes:
    fields = APP_DESCRIPTION.pack(
        APP_DESCRIPTION_MAGIC,
        0,
        _cut(version, 31),
        _cut(project, 31),
        b"12:00:00",
        b"Jan  1 2026",
        b"v5.4.1",
        hashlib.sha256(f"{project}:{version}:{seed}".encode()).digest(),
    )
    return fields.ljust(_APP_DESCRIPTION_BYTES, b"\0")


def _cut(text: str, size_bytes: int) -> bytes:
    return text.encode()[:size_bytes].decode(errors="ignore").encode()


def _entry(label: str, kind: int, subtype: int, offset: int, size_bytes: int) -> bytes:
    return ENTRY.pack(ENTRY_MAGIC, kind, subtype, offset, size_bytes, label.encode(), 0)


def _esp8266(size_bytes: int, seed: str, version: str) -> bytes:
    if size_bytes < ESP8266_BYTES_MIN:
        raise FirmwareError(f"an image of {size_bytes} bytes is too small; {ESP8266_BYTES_MIN} at least")
    boot = _with_checksum(_esp8266_header(1, EBOOT_ADDRESS), [(EBOOT_ADDRESS, _code(3424, "eboot"))])
    ram_bytes = min(size_bytes // 12 // 4 * 4, 0x7000)
    segment_headers = 3 * 8
    flash_bytes = (
        -(-size_bytes // 16) * 16 - SKETCH_OFFSET - HEADER_BYTES - segment_headers - ram_bytes - 1024 - 1
    )
    flash = bytearray(_code(flash_bytes // 4 * 4, f"{seed}:flash", version))
    flash[:8] = bytes(8)  # the length and the CRC, entered last
    segments = [
        (0x40201010, bytes(flash)),
        (0x40100000, _code(ram_bytes, f"{seed}:ram", version)),
        (0x3FFE8000, _code(1024, f"{seed}:data", version)),
    ]
    sketch = _with_checksum(_esp8266_header(len(segments), 0x401000C0), segments)
    image = boot.ljust(SKETCH_OFFSET, b"\xaa") + sketch
    fields = struct.pack("<II", len(image), eboot_crc(image))
    return image[:CRC_OFFSET] + fields + image[CRC_OFFSET + 8 :]


def _esp8266_header(segment_count: int, entry_point: int) -> bytes:
    return struct.pack("<BBBBI", IMAGE_MAGIC, segment_count, _DIO, _SIZE_4MB_40MHZ_ESP8266, entry_point)


def _code(size_bytes: int, seed: str, version: str = "") -> bytes:
    """Bytes with the statistics of compiled code."""
    rng = random.Random(seed)  # noqa: S311 the same bytes each time is the point
    table = _byte_values(rng)
    code = bytearray(rng.randbytes(size_bytes).translate(table))
    position = 256
    while position < size_bytes - 32:
        length = rng.randrange(5, 16)
        back = min(int(length + _REPEAT_BACK_BYTES ** rng.random()), position)
        code[position : position + length] = code[position - back : position - back + length]
        position += length + rng.randrange(_REPEAT_EVERY_BYTES // 2, _REPEAT_EVERY_BYTES * 3 // 2)
    _change(code, seed, version, table)
    return bytes(code)


def _byte_values(rng: random.Random) -> bytes:
    """A table that turns evenly spread bytes into a few frequent and many rare ones."""
    values = list(range(256))
    rng.shuffle(values)
    weights = [(rank + 1) ** -_SKEW for rank in range(256)]
    scale = 256 / sum(weights)
    table, due = bytearray(), 0.0
    for value, weight in zip(values, weights, strict=True):
        due += weight * scale
        table += bytes([value]) * (round(due) - len(table))
    return bytes(table.ljust(256, b"\0"))


def _change(code: bytearray, seed: str, version: str, table: bytes) -> None:
    rng = random.Random(f"{seed}:{version}")  # noqa: S311 the same bytes each time is the point
    for _ in range(len(code) // _CHANGE_EVERY_BYTES):
        position = rng.randrange(0, len(code) - 16)
        code[position : position + 16] = rng.randbytes(16).translate(table)
