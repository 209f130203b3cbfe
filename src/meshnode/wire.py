"""Frames on the wire: JSON text, each ended by one NUL byte.

Lenient in: relays of the C++ library re-serialise what they forward, so control
characters arrive raw, floats shortened, and numbers sometimes as strings.
Exact out: compact JSON, as the C++ side writes it.
"""

import json

from meshnode.limits import Limits

# Package types.
TIME_DELAY = 3
TIME_SYNC = 4
NODE_SYNC_REQUEST = 5
NODE_SYNC_REPLY = 6
CONTROL = 7
BROADCAST = 8
SINGLE = 9
OTA_ANNOUNCE = 10
OTA_DATA_REQUEST = 11
OTA_DATA = 12
COMMAND = 400  # Alteriom's
# Of Meshward's own nodes; unmodified ones pass them on.
STATUS_QUERY = 710
STATUS_REPORT = 711
TELEMETRY = 712
TELEMETRY_RESYNC = 713

# Values of the key "routing"; packages without it are routed by their type.
ROUTE_NEIGHBOUR = 0
ROUTE_SINGLE = 1
ROUTE_BROADCAST = 2

_ROUTE_OF_TYPE = {
    TIME_DELAY: ROUTE_SINGLE,
    TIME_SYNC: ROUTE_NEIGHBOUR,
    NODE_SYNC_REQUEST: ROUTE_NEIGHBOUR,
    NODE_SYNC_REPLY: ROUTE_NEIGHBOUR,
    BROADCAST: ROUTE_BROADCAST,
    SINGLE: ROUTE_SINGLE,
}

MAX_U32 = 0xFFFFFFFF


class WireError(Exception):
    """A peer sent something this node refuses; the only exception garbage can cause."""


def _refuse_constant(name: str) -> None:
    raise ValueError(name + " is not JSON")


def _dumps_plain(package: dict) -> str:
    return json.dumps(package, separators=(",", ":"))


try:
    # strict=False: relays put control characters into strings unescaped.
    _loads = json.JSONDecoder(strict=False, parse_constant=_refuse_constant).decode
    _dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
except AttributeError:  # MicroPython: one lenient parser, no options
    _loads = json.loads  # type: ignore[assignment]
    _dumps = _dumps_plain  # type: ignore[assignment]


def encode(package: dict) -> bytes:
    """The frame of a package, its closing NUL included.

    Raises ValueError or TypeError where the package is not JSON.
    """
    return _dumps(package).encode() + b"\0"


def decode(frame: bytes, limits: Limits) -> dict:
    """The package in a frame (given without its NUL); its "type" is an int.

    Raises WireError for anything that is not a JSON object with a type.
    """
    if len(frame) > limits.frame_bytes:
        raise WireError("frame of %d bytes" % len(frame))
    try:
        package = _loads(_text(frame))
    except (ValueError, RuntimeError, MemoryError) as error:  # RuntimeError: too deep for the parser
        raise WireError("not JSON: " + str(error)) from None
    if not isinstance(package, dict):
        raise WireError("not a JSON object")
    kind = package.get("type")
    if type(kind) is not int:
        kind = package["type"] = to_int(kind)
    if kind != NODE_SYNC_REQUEST and kind != NODE_SYNC_REPLY:  # a tree's depth is checked as it is read
        _check_nesting(frame, limits.nesting)
    return package


def to_int(value) -> int:
    """An integer that may have come as 5, 5.0 or "5". Raises WireError."""
    kind = type(value)
    if kind is int:
        return value
    if kind is float and abs(value) < 1e18 and value == int(value):
        return int(value)
    if kind is str and len(value) <= 20:
        digits = value[1:] if value[:1] == "-" else value
        if digits and all("0" <= digit <= "9" for digit in digits):
            return int(value)
    raise WireError("not an integer")


def u32(package: dict, key: str) -> int:
    """A 32-bit unsigned number of a package. Raises WireError where it is missing or none."""
    value = package.get(key)
    if type(value) is not int:
        value = to_int(value)
    if not 0 <= value <= MAX_U32:
        raise WireError(key + " out of range")
    return value


def message_of(package: dict) -> dict:
    """The "msg" of a time package. Raises WireError where it is missing or no object."""
    value = package.get("msg")
    if not isinstance(value, dict):
        raise WireError("no msg")
    return value


def routing(package: dict) -> int:
    """How a package travels: by its "routing" key, else by its type; -1 where neither says."""
    route = package.get("routing")
    if route is None:
        return _ROUTE_OF_TYPE.get(package["type"], -1)
    return to_int(route)


class FrameSplitter:
    """Cuts a byte stream at NUL bytes; holds at most one unfinished frame.

    `oversized` counts frames that were longer than the limit and skipped.
    """

    def __init__(self, limits: Limits) -> None:
        self.oversized = 0
        self._limit_bytes = limits.frame_bytes
        self._rest = bytearray()  # not a list of pieces: a frame that drips in would cost an object a byte
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by `data`, without their NUL; empty ones left out."""
        if b"\0" not in data:
            self._keep(data)
            return []
        frames = data.split(b"\0")
        rest = frames.pop()
        if self._skipping:
            self._skipping = False
            frames[0] = b""
        elif self._rest:
            frames[0] = bytes(self._rest) + frames[0]
            self._rest = bytearray()
        if rest:
            self._keep(rest)
        return [frame for frame in frames if frame and self._fits(len(frame))]

    def _keep(self, data: bytes) -> None:
        if self._skipping:
            return
        if self._fits(len(self._rest) + len(data)):
            self._rest += data
        else:
            self._skipping = True
            self._rest = bytearray()

    def _fits(self, size_bytes: int) -> bool:
        if size_bytes <= self._limit_bytes:
            return True
        self.oversized += 1
        return False


def _text(frame: bytes) -> str:
    try:
        return frame.decode()
    except UnicodeError:
        # A relay may have cut a character in two; what matters is the rest of the frame.
        return "".join([chr(byte) if byte < 128 else "\ufffd" for byte in frame])


def _check_nesting(frame: bytes, deepest: int) -> None:
    if frame.count(b"[") + frame.count(b"{") <= deepest:
        return
    depth = 0
    in_string = False
    escaped = False
    for byte in frame:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quote
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte == 0x5B or byte == 0x7B:  # [ {
            depth += 1
            if depth > deepest:
                raise WireError("nested deeper than %d" % deepest)
        elif byte == 0x5D or byte == 0x7D:  # ] }
            depth -= 1
