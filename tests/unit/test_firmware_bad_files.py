"""What people give by mistake, and what they are told."""

import base64
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

import pytest

from meshward.firmware import UNPACKED_BYTES_MAX, Kind, check_for_push, inspect, summary_lines
from meshward.firmware.synthetic import synthetic_flash, synthetic_image
from tests.support import firmware_builds as build

APP = synthetic_image(100_000)
APP8266 = synthetic_image(100_000, hardware="ESP8266")
BIN = "give the .bin file of the application"


def flipped(data, position):
    changed = bytearray(data)
    changed[position] ^= 0x40
    return bytes(changed)


def zipped():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("firmware.bin", APP)
    return archive.getvalue()


def tarred():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        info = tarfile.TarInfo("firmware.bin")
        info.size = len(APP)
        file.addfile(info, io.BytesIO(APP))
    return archive.getvalue()


# name: content, the boards' hardware, code of the refusal, what its message says, what its remedy says
BAD_FILES = {
    "empty": (b"", "ESP32", "empty", "an empty file", "build the firmware again"),
    "erased flash": (b"\xff" * 5000, "ESP32", "erased", "every byte is 0xFF", BIN),
    "zeros": (bytes(5000), "ESP32", "zeros", "interrupted copy", "copy the file again"),
    "ELF": (b"\x7fELF\x01\x01\x01" + bytes(500), "ESP32", "elf", "an ELF program", BIN),
    "UF2": (b"UF2\nWQ]\x9e" + bytes(504), "ESP32", "uf2", "a UF2 file", BIN),
    "Intel HEX": (
        b":020000040000FA\r\n:10000000E9060220A8260840EE00000000000000D1\r\n",
        *("ESP32", "intel_hex", "an Intel HEX file", BIN),
    ),
    "S-records": (b"S00F000068656C6C6F202020202000003C\n", "ESP32", "s_record", "S-record", BIN),
    "ZIP": (zipped(), "ESP32", "zip", "a ZIP archive", "unpack it"),
    "tar": (tarred(), "ESP32", "tar", "a tar archive", "unpack it"),
    "xz": (lzma.compress(APP), "ESP32", "xz", "an xz file", "unpack it"),
    "bzip2": (bz2.compress(APP), "ESP32", "bzip2", "a bzip2 file", "unpack it"),
    "zlib": (zlib.compress(APP), "ESP32", "zlib", "a zlib stream", "unpack it"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c" + bytes(90), "ESP32", "7z", "a 7-Zip archive", "unpack it"),
    "Zstandard": (b"\x28\xb5\x2f\xfd" + bytes(90), "ESP32", "zstd", "a Zstandard file", "unpack it"),
    "a web page": (
        b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>Sign in</title>",
        *("ESP32", "page", "a web page: the download failed", "download the file again"),
    ),
    "an error message": (
        b'{"message": "Not Found"}\n',
        "ESP32",
        "text",
        "a text file",
        "download the file again",
    ),
    "text in another script": ("прошивка ".encode() * 200, "ESP32", "text", "a text file", "download"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        *("ESP32", "lfs_pointer", "a Git LFS pointer", "git lfs pull"),
    ),
    "base64": (base64.encodebytes(APP), "ESP32", "base64", "base64 text", "decode it first"),
    "a program for Windows": (b"MZ\x90\x00" + bytes(100), "ESP32", "exe", "Windows", BIN),
    "a partition table": (
        synthetic_flash(b"")[0x8000:0x8C00],
        *("ESP32", "partition_table", "a partition table", BIN),
    ),
    "boot_app0.bin": (
        build.ota_data(1).ljust(0x1000, b"\xff") + b"\xff" * 0x1000,
        *("ESP32", "boot_app", "which slot to start", BIN),
    ),
    "a file system": (bytes(8) + b"littlefs" + bytes(5000), "ESP32", "file_system", "LittleFS", BIN),
    "a picture": (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "ESP32",
        "unknown",
        "does not begin with 0xE9",
        BIN,
    ),
    "three bytes of an image": (APP[:3], "ESP32", "truncated", "cut off", "copy or build"),
    "cut off in the header": (APP[:23], "ESP32", "truncated", "cut off", "copy or build"),
    "cut off in a segment": (APP[:70_000], "ESP32", "truncated", "ends in segment 1 of 3", "copy or build"),
    "cut off in the hash": (APP[:-1], "ESP32", "truncated", "1 bytes are missing", "copy or build"),
    "a bit changed": (flipped(APP, 50_000), "ESP32", "hash", "does not match", "copy or build"),
    "a bit changed, no hash": (
        flipped(build.esp32_without_hash(), 9000),
        *("ESP32", "checksum", "checksum does not match", "copy or build"),
    ),
    "no segments": (b"\xe9\x00" + APP[2:], "ESP32", "header", "0 segments", "copy or build"),
    "too many segments": (b"\xe9\x40" + APP[2:], "ESP32", "header", "64 segments", "copy or build"),
    "something appended": (
        APP + b"GET / HTTP/1.1",
        "ESP32",
        "trailing_data",
        "14 bytes",
        "as the build wrote it",
    ),
    "a boot loader": (
        build.bootloader(),
        "ESP32",
        "boot_loader",
        "boot loader, not the app",
        "of the same build",
    ),
    "a whole flash": (
        synthetic_flash(APP),
        *("ESP32", "whole_flash", "begins at 0x10000 of it and has 100000 bytes", "add --extract"),
    ),
    "a flash without an application": (
        synthetic_flash(b""),
        *("ESP32", "no_application", "no application is in it", BIN),
    ),
    "for the other hardware": (APP8266, "ESP32", "wrong_hardware", "for ESP8266", "use --hardware ESP8266"),
    "an ESP32-C3 image for ESP8266": (
        synthetic_image(50_000, hardware="ESP32-C3"),
        *(
            "ESP8266",
            "wrong_hardware",
            "for ESP32-C3, and the boards asked for are ESP8266",
            "--hardware ESP32",
        ),
    ),
    "for a chip nobody knows": (
        build.esp32_with(APP, build.CHIP_ID, 99),
        *("ESP32", "unknown_chip", "its chip, number 99", "check that it was built"),
    ),
    "for a chip without Wi-Fi": (
        synthetic_image(50_000, hardware="ESP32-H2"),
        *("ESP32", "no_wifi", "has no Wi-Fi", "check that it was built"),
    ),
    "larger than any ESP32's flash": (
        synthetic_image(16 * 1024 * 1024 + 16),
        *("ESP32", "too_large", "takes more than 16777216", "without a file system"),
    ),
    "larger than any ESP8266 sketch": (
        synthetic_image(1_044_480, hardware="ESP8266"),
        *("ESP8266", "too_large", "takes more than 1044464", "without a file system"),
    ),
    "gzip for ESP32": (gzip.compress(APP), "ESP32", "gzip_for_esp32", "nothing to unpack gzip", "as it is"),
    "gzip, cut off": (
        gzip.compress(APP8266)[:-9],
        "ESP8266",
        "truncated",
        "gzip file is cut off",
        "compress",
    ),
    "gzip, damaged": (
        flipped(gzip.compress(APP8266), 40_000),
        *("ESP8266", "gzip_damaged", "gzip file is damaged", "compress the application again"),
    ),
    "gzip, something appended": (
        gzip.compress(APP8266) + b"more",
        *("ESP8266", "gzip_trailing", "4 bytes follow", "compress the application again"),
    ),
    "gzip in gzip": (
        gzip.compress(gzip.compress(APP8266)),
        *("ESP8266", "nested_gzip", "inside the gzip file: a gzip file within", "unpack it once"),
    ),
    "gzip of a web page": (
        gzip.compress(b"<html>"),
        "ESP8266",
        "page",
        "inside the gzip file: this is",
        "download",
    ),
    "gzip of an ESP32 image": (
        gzip.compress(APP),
        *("ESP8266", "wrong_hardware", "the image is for ESP32", "--hardware ESP32"),
    ),
    "a gzip bomb": (
        gzip.compress(bytes(UNPACKED_BYTES_MAX + 1)),
        *("ESP8266", "gzip_bomb", "unpacks to more than 16777216 bytes", BIN),
    ),
    "an ESP8266 boot loader alone": (
        APP8266[:0x1000],
        "ESP8266",
        "truncated",
        "before the sketch",
        "copy or build",
    ),
    "no sketch after the boot loader": (
        APP8266[:0x1000] + b"\xff" * 4096,
        *("ESP8266", "header", "no sketch at 0x1000", "copy or build"),
    ),
    "an ESP8266 image cut off": (APP8266[:-1], "ESP8266", "truncated", "cut off", "copy or build"),
    "an ESP8266 image with a bit changed": (
        flipped(APP8266, 60_000),
        *("ESP8266", "hash", "CRC-32 does not match", "copy or build"),
    ),
    "an old ESP8266 image with a bit changed": (
        flipped(build.esp8266_before_core_27(), 30_000),
        *("ESP8266", "checksum", "checksum does not match", "copy or build"),
    ),
    "ESP8266, not Arduino": (
        build.esp8266_plain(),
        *("ESP8266", "unverifiable", "no Arduino boot loader", "Arduino or PlatformIO"),
    ),
    "ESP8266, version 2": (
        build.esp8266_v2(),
        *("ESP8266", "version_2_image", "version 2 image", "Arduino or PlatformIO"),
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_and_the_way_out_is_told(name):
    data, hardware, code, message, remedy = BAD_FILES[name]
    image = inspect(data)
    refusals = check_for_push(image, hardware)
    found = [refusal for refusal in refusals if refusal.code == code]
    assert found, refusals
    assert message in found[0].message
    assert remedy in found[0].remedy
    assert found[0].why
    assert all(line.isprintable() for line in summary_lines(image))


def test_what_force_sets_aside():
    """A push that is sure to fail, or to cost a board, cannot be forced."""
    forced = {
        name
        for name, (data, hardware, *_) in BAD_FILES.items()
        if not check_for_push(inspect(data), hardware, force=True)
    }
    assert forced == {
        "something appended",
        "for a chip nobody knows",
        "for a chip without Wi-Fi",
        "ESP8266, not Arduino",
    }


def test_every_bad_file_without_firmware_is_of_the_other_kind():
    for name in list(BAD_FILES)[:25]:
        assert inspect(BAD_FILES[name][0]).kind is Kind.OTHER, name


def test_a_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(UNPACKED_BYTES_MAX + 1)) * 20
    assert inspect(bomb).problems[0].code == "gzip_bomb"
