"""OTA packages as the C++ library reads and writes them (types 10, 11 and 12).

What is missing or of another type is no error there but becomes something: ArduinoJson turns it
into a number or a text. Where that shows on the wire, it is done here as well.
"""

import binascii
import json
from dataclasses import dataclass, replace
from typing import Any, Self

from meshnode.wire import MAX_U32, OTA_DATA_REQUEST, ROUTE_SINGLE, WireError, to_int

Package = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Announce:
    """A new image, and whom it is for."""

    sender: int
    md5: str
    hardware: str
    role: str
    parts: int
    """`noPart`: how many parts there are."""
    forced: bool
    broadcasted: bool
    compressed: bool

    @classmethod
    def read(cls, package: Package) -> Self:
        """The announce in a package; anything makes one."""
        return cls(**_common(package))


@dataclass(frozen=True, slots=True)
class Data(Announce):
    """One part of an image."""

    dest: int
    part: int
    """`partNo`: from 0."""
    text: str
    """The bytes, in base64."""

    @classmethod
    def read(cls, package: Package) -> Self:
        """The part in a package; anything makes one."""
        return cls(
            **_common(package),
            dest=_number(package.get("dest")),
            part=_number(package.get("partNo")),
            text=_text(package.get("data")),
        )

    @property
    def is_last(self) -> bool:
        """Whether it completes the image."""
        return self.part == (self.parts - 1) & MAX_U32


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What a node asks for."""

    cause: Announce
    """The package that made it ask; most of it is echoed."""
    sender: int
    part: int

    @classmethod
    def after_announce(cls, announce: Announce, node_id: int, part: int) -> Self:
        """The first request of an update."""
        return cls(announce, node_id, part)

    @classmethod
    def after_data(cls, data: Data, part: int, *, broadcasted: bool | None = None) -> Self:
        """A later request: its sender is whoever the part was addressed to, 0 for everybody."""
        cause = data if broadcasted is None else replace(data, broadcasted=broadcasted)
        return cls(cause, data.dest, part)

    def package(self, *, of_2019: bool = False) -> Package:
        """The package, with its keys in the order of the C++ side; in 2019 there were fewer."""
        cause = self.cause
        package: Package = {"from": self.sender, "routing": ROUTE_SINGLE, "type": OTA_DATA_REQUEST}
        package |= {"md5": cause.md5, "hardware": cause.hardware, "role": cause.role}
        if cause.forced:
            package["forced"] = True
        package["noPart"] = cause.parts
        if not of_2019:
            package["broadcasted"] = cause.broadcasted
            if cause.compressed:
                package["compressed"] = True
        return package | {"dest": cause.sender, "partNo": self.part}


def decode_base64(text: str) -> bytes:
    """The bytes of a part, as the C++ decoder sees them.

    It refuses nothing: strange characters count as zero bits, and text that lacks its padding may
    gain a zero byte, by which the MD5 of the whole image fails later.
    """
    raw = text.encode()
    try:
        return binascii.a2b_base64(raw, strict_mode=True)
    except binascii.Error:
        return _decode_anything(raw)


def _decode_anything(raw: bytes) -> bytes:
    size = len(raw)
    if not size:
        return b""
    one_more = size % 4 != 0 or raw.endswith(b"=")
    two_more = one_more and (size % 4 > 2 or raw[-2:-1] != b"=")
    quads = (size - one_more) // 4 * 4
    rest = raw[quads : quads + 3].ljust(3, b"\0") if one_more else b""
    padded = (raw[:quads] + rest).translate(_STANDARD)
    if one_more:
        padded += b"A"
    decoded = binascii.a2b_base64(padded)
    return decoded[: quads // 4 * 3 + one_more + two_more]


def _standard_alphabet() -> bytes:
    table = bytearray(b"A" * 256)
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        table[byte] = byte
    for byte, meant in zip(b",-._", b"/++/", strict=True):
        table[byte] = meant
    return bytes(table)


_STANDARD = _standard_alphabet()


def _common(package: Package) -> dict[str, Any]:
    return {
        "sender": _number(package.get("from")),
        "md5": _text(package.get("md5")),
        "hardware": _text(package.get("hardware")),
        "role": _text(package.get("role")),
        "parts": _number(package.get("noPart")),
        "forced": package.get("forced") is True,
        "broadcasted": package.get("broadcasted") is True,
        "compressed": package.get("compressed") is True,
    }


def _text(value: object) -> str:
    """A missing text reads as "null"."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _number(value: Any) -> int:
    """A missing number, or one that is none, reads as 0."""
    if isinstance(value, bool):
        return int(value)
    try:
        number = to_int(value)
    except WireError:
        return 0
    return number if 0 <= number <= MAX_U32 else 0
