"""Odd but valid images, built from parts: what the samples do not have."""

import hashlib
import struct
import zlib

from meshward.firmware import synthetic
from meshward.firmware.chips import ESP32
from meshward.firmware.esp8266 import CRC_OFFSET, SKETCH_OFFSET
from meshward.firmware.segments import segment_checksum, walk_segments

HASH_FLAG = 23
CHIP_ID = 12


def esp32_without_hash(size_bytes=20_000):
    image = bytearray(synthetic.synthetic_image(size_bytes)[:-32])
    image[HASH_FLAG] = 0
    return bytes(image)


def esp32_with(image, offset, value):
    """An image of the ESP32 family with another byte in its header, and its hash made to fit."""
    changed = bytearray(image[:-32])
    changed[offset] = value
    return bytes(changed) + hashlib.sha256(changed).digest()


def esp32_described(**fields):
    return synthetic.synthetic_image(20_000, **fields)


def esp8266_before_core_27(size_bytes=60_000, mode=2):
    """An Arduino build without length and CRC: the eight bytes are code, and count in the checksum."""
    image = bytearray(synthetic.synthetic_image(size_bytes, hardware="ESP8266"))
    image[CRC_OFFSET : CRC_OFFSET + 8] = b"\x12\xc1\xf0\xd9\x11\xdd\x02\x58"
    image[2] = image[SKETCH_OFFSET + 2] = mode
    walk = walk_segments(bytes(image), SKETCH_OFFSET + 8, image[SKETCH_OFFSET + 1])
    image[walk.checksum_offset] = segment_checksum(bytes(image), walk.segments)
    return bytes(image)


def esp8266_plain(ram_bytes=30_000, flash_bytes=100_000):
    """RAM sections, then raw flash contents, as MicroPython and the vendor's SDK make them."""
    header = synthetic._esp8266_header(2, 0x40100004)
    ram = [(0x40100000, synthetic._code(ram_bytes, "ram")), (0x3FFE8000, synthetic._code(1024, "data"))]
    return synthetic._with_checksum(header, ram).ljust(0x9000, b"\xff") + synthetic._code(
        flash_bytes, "flash"
    )


def esp8266_v2(flash_bytes=40_000):
    flash = struct.pack("<II", 0, flash_bytes) + synthetic._code(flash_bytes, "flash")
    header = struct.pack("<BBBBI", 0xEA, 4, 0, 0x40, 0x40100004) + flash
    # The second header is read at its own place, so the checksum's alignment counts from the start of the file.
    ram = synthetic._esp8266_header(1, 0x40100004) + struct.pack("<II", 0x40100000, 8000)
    ram += synthetic._code(8000, "ram")
    body = header + ram
    walk = walk_segments(body, len(header) + 8, 1)
    body += bytes(walk.checksum_offset - len(body)) + bytes([segment_checksum(body, walk.segments)])
    crc = zlib.crc32(body)
    return body + struct.pack("<I", crc ^ 0xFFFFFFFF if crc & 0x80000000 else crc + 1)


def bootloader(chip=ESP32):
    return synthetic.synthetic_bootloader(chip)


def ota_data(sequence):
    entry = struct.pack("<I", sequence)
    crc = zlib.crc32(entry, 0xFFFFFFFF)
    return entry + b"\xff" * 24 + struct.pack("<I", crc)


def two_slots(first, second, sequences):
    """Contents of a flash with an application in each slot, and what `otadata` says."""
    slot_bytes = 0x20000
    flash = bytearray(
        synthetic.synthetic_flash(first.ljust(slot_bytes, b"\xff") + second, slot_bytes=slot_bytes)
    )
    for sector, sequence in enumerate(sequences):
        flash[0xE000 + 0x1000 * sector : 0xE020 + 0x1000 * sector] = ota_data(sequence)
    return bytes(flash)
