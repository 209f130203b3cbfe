"""Files that are given for firmware by mistake: what each is, and what to give instead.

The order matters: the first that fits names the file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from meshward.firmware.flash import read_table

_BUILD = "give the .bin file of the application that the same build wrote"
_DOWNLOAD = "download the file again, as a file and not as a page"
_UNPACK = "unpack it and give the .bin file of the application that it holds"

#: How much of a file is looked at to see whether it is text, in bytes.
_TEXT_SAMPLE_BYTES = 1024
_TEXT = re.compile(rb"[\t\n\r\f\x20-\x7e\x80-\xff]*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_INTEL_HEX = re.compile(rb":[0-9A-Fa-f]{10,}\s")
_S_RECORD = re.compile(rb"S0[0-9A-Fa-f]{4,}\s")


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a file is instead of firmware."""

    #: Stable name, for programs.
    code: str
    #: What it is, as the end of "this is ...".
    what: str
    #: What to give instead.
    remedy: str


@dataclass(frozen=True, slots=True)
class _Form:
    fits: Callable[[bytes], bool]
    foreign: Foreign


def identify(data: bytes) -> Foreign:
    """What a file is that is no firmware image; code `unknown` when nothing fits."""
    for form in _FORMS:
        if form.fits(data):
            return form.foreign
    return _UNKNOWN


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(prefixes)


def _only(byte: bytes) -> Callable[[bytes], bool]:
    return lambda data: not data.strip(byte)


def _is_text(data: bytes) -> bool:
    sample = data[:_TEXT_SAMPLE_BYTES]
    if not _TEXT.fullmatch(sample):
        return False
    # Cut in the middle of a character at the worst: three bytes.
    return any(_decodes(sample[: len(sample) - cut]) for cut in range(4))


def _decodes(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_page(data: bytes) -> bool:
    start = data[:_TEXT_SAMPLE_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<!--"))


def _is_base64(data: bytes) -> bool:
    # 0xE9 and a small number make "6Q"; a gzip header makes "H4sI".
    return data.startswith((b"6Q", b"H4sI")) and _BASE64.fullmatch(data[:_TEXT_SAMPLE_BYTES]) is not None


def _is_boot_app(data: bytes) -> bool:
    # Two sectors of `otadata`: a small sequence number, then an erased label.
    return len(data) == 8192 and 0 < data[0] < 255 and data[1:4] == bytes(3) and data[4:24] == b"\xff" * 20


_UNKNOWN = Foreign(
    "unknown",
    "not a firmware image: it does not begin with 0xE9, nor with anything else that is known here",
    "give the .bin file of the application, as the Arduino or PlatformIO build wrote it",
)

_FORMS = (
    _Form(
        lambda data: not data,
        Foreign("empty", "an empty file", "build the firmware again, or copy the file again"),
    ),
    _Form(
        _only(b"\xff"),
        Foreign(
            "erased",
            "erased flash: every byte is 0xFF",
            "read the flash where the application lies, or " + _BUILD,
        ),
    ),
    _Form(
        _only(b"\x00"),
        Foreign("zeros", "a file of zeros, as an interrupted copy leaves it", "copy the file again"),
    ),
    _Form(_starts(b"\x7fELF"), Foreign("elf", "an ELF program, from which the image is made", _BUILD)),
    _Form(_starts(b"UF2\n"), Foreign("uf2", "a UF2 file, made for copying to a board over USB", _BUILD)),
    _Form(
        lambda data: read_table(data, 0) is not None,
        Foreign("partition_table", "a partition table, which is flashed over USB only", _BUILD),
    ),
    _Form(
        _is_boot_app,
        Foreign(
            "boot_app", "the record of which slot to start (boot_app0.bin), flashed over USB only", _BUILD
        ),
    ),
    _Form(
        lambda data: data[8:16] == b"littlefs",
        Foreign("file_system", "a LittleFS file system, which cannot be sent as firmware", _BUILD),
    ),
    _Form(_starts(b"PK\x03\x04", b"PK\x05\x06"), Foreign("zip", "a ZIP archive", _UNPACK)),
    _Form(_starts(b"7z\xbc\xaf\x27\x1c"), Foreign("7z", "a 7-Zip archive", _UNPACK)),
    _Form(_starts(b"\xfd7zXZ\x00"), Foreign("xz", "an xz file, which no stock board unpacks", _UNPACK)),
    _Form(_starts(b"BZh"), Foreign("bzip2", "a bzip2 file, which no stock board unpacks", _UNPACK)),
    _Form(
        _starts(b"\x28\xb5\x2f\xfd"),
        Foreign("zstd", "a Zstandard file, which no stock board unpacks", _UNPACK),
    ),
    _Form(
        _starts(b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
        Foreign("zlib", "a zlib stream, which no stock board unpacks", _UNPACK),
    ),
    _Form(lambda data: data[257:262] == b"ustar", Foreign("tar", "a tar archive", _UNPACK)),
    _Form(_starts(b"MZ"), Foreign("exe", "a program for Windows", _BUILD)),
    _Form(lambda data: _INTEL_HEX.match(data) is not None, Foreign("intel_hex", "an Intel HEX file", _BUILD)),
    _Form(
        lambda data: _S_RECORD.match(data) is not None,
        Foreign("s_record", "a Motorola S-record file", _BUILD),
    ),
    _Form(_is_page, Foreign("page", "a web page: the download failed, or wanted a login", _DOWNLOAD)),
    _Form(
        _starts(b"version https://git-lfs"),
        Foreign(
            "lfs_pointer",
            "a Git LFS pointer, not the file it points to",
            "fetch the file with `git lfs pull`",
        ),
    ),
    _Form(
        _is_base64,
        Foreign("base64", "firmware written as base64 text", "decode it first, for example with `base64 -d`"),
    ),
    _Form(_is_text, Foreign("text", "a text file", _DOWNLOAD + ", or " + _BUILD)),
)
