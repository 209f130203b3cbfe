"""Network addresses as people write them."""

from dataclasses import dataclass

from meshward.errors import AddressError

#: painlessMesh's port (`MESH_PORT` in its examples).
DEFAULT_PORT = 5555


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or IP address) and a TCP port."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; port 5555 where none is given."""
    host, port = _split(text.strip())
    if not host or any(character.isspace() or character in "/[]" for character in host):
        raise AddressError(f"{text!r} is not an address: write HOST, HOST:PORT or [IPV6]:PORT")
    return Address(host, DEFAULT_PORT if port is None else _port(port, text))


def parse_listen_address(text: str) -> Address:
    """As `parse_address`, and a port alone means that port on all interfaces.

    Port 0 lets the system choose a free one.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return Address("0.0.0.0", _port(text, text, lowest=0))  # noqa: S104 boards dial in from outside
    host, port = _split(text)
    if port == "0":
        return Address(parse_address(f"[{host}]" if ":" in host else host).host, 0)
    return parse_address(text)


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in {"", ":"}:
            return "", None
        return host, rest[1:] if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _port(digits: str, text: str, lowest: int = 1) -> int:
    if not (digits.isascii() and digits.isdigit() and lowest <= int(digits) <= 65535):
        raise AddressError(f"{text!r} has no usable port: it must be a number from {lowest} to 65535")
    return int(digits)
