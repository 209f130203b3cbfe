"""What values of the configuration can be. Each check raises ValueError."""

import ipaddress
import math
from collections.abc import Callable
from urllib.parse import urlsplit

from meshward.addresses import Address, parse_listen_address
from meshward.text import parse_size

HTTP_PORT = 8080
_UPLOAD_BYTES_MAX = 1 << 30
"""No board has more flash than a fraction of this."""


def http_address(text: str) -> Address:
    """Where to serve HTTP: HOST:PORT, HOST alone (port 8080), or a port alone, on this machine only."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        text = f"127.0.0.1:{text}"
    address = parse_listen_address(text)
    return address if text.endswith(f":{address.port}") else Address(address.host, HTTP_PORT)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_above_zero(value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError


def check_upload_size(text: str) -> None:
    if not 1024 <= parse_size(text) <= _UPLOAD_BYTES_MAX:
        raise ValueError(f"must be from 1KB to {_UPLOAD_BYTES_MAX >> 20}MB")


def check_origin(text: str) -> None:
    parts = urlsplit(text)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or text != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError(f"{text!r} is not an origin: write it as https://panel.example")


def check_host(text: str) -> None:
    if not text or any(character.isspace() or character in "/:@" for character in text):
        raise ValueError(f"{text!r} is not a host name: write it without scheme and port, as pi.local")


def check_mesh_name(text: str) -> None:
    if len(text) > 64 or not text.isprintable():
        raise ValueError


def check_root_path(text: str) -> None:
    if text and (not text.startswith("/") or text.endswith("/")):
        raise ValueError(f"{text!r} must begin with / and not end with it, as /meshward")


def check_at_once(value: int) -> None:
    if not 1 <= value <= 16:
        raise ValueError


def check_probe(value: float) -> None:
    if not 1 <= value <= 86_400:
        raise ValueError


def within(low: float, high: float) -> Callable[[float], None]:
    """A check for numbers from `low` to `high`."""

    def check(value: float) -> None:
        if not low <= value <= high:
            raise ValueError

    return check
