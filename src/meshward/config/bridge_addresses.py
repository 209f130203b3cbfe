"""Addresses of brokers and databases: which can be, and what may be shown of those with secrets in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from meshward.config.receivers import MASKED

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_TOPIC = re.compile(r"[^\x00-\x1f+#/$][^\x00-\x1f+#]*")
_TOPIC_CHARACTERS_MAX = 100
_CHOICES = {"profile": ("meshward", "alteriom"), "homeassistant": ("yes", "no"), "control": ("yes", "no")}
_PREFIX = f"write it as mesh or home/mesh, without + and #, {_TOPIC_CHARACTERS_MAX} characters at most"
# Such an address has pieces of a password where a host or a prefix should be, so nothing shows any of it.
_LATE_LOGIN = (
    "must have no @ after the host: write %2F for a / in a user or password, %3F for a ?, and %40 for an @ "
    "that belongs there"
)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker, and what is different there from what is set for all. None is as for all."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str | None = None
    profile: str | None = None
    homeassistant: bool | None = None
    control: bool | None = None

    @property
    def name(self) -> str:
        """Its address without secrets: mqtts://host:8883/garden."""
        scheme = "mqtts" if self.tls else "mqtt"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}" + (f"/{self.prefix}" if self.prefix else "")


def broker(text: str) -> Broker:
    """A broker by its address. Raises ValueError."""
    if "#" in text:
        raise ValueError("must have no # in it: write %23 for one in a password")
    parts = _split(text, "mqtt://host, or mqtts://user@host:8883/prefix")
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with mqtt:// or mqtts://")
    _check_query(parts)
    prefix = unquote(parts.path.strip("/")) or None
    if prefix is not None and not _begins_topic(prefix):
        raise ValueError(f"what follows the host cannot begin a topic: {_PREFIX}")
    choices = _choices(parts.query)
    return Broker(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        prefix=prefix,
        profile=choices.get("profile"),
        homeassistant=_yes(choices.get("homeassistant")),
        control=_yes(choices.get("control")),
    )


def shown_broker(text: str) -> str:
    """Its address without user and password."""
    return broker(text).name


def check_prefix(text: str) -> None:
    """Raises ValueError for what topics cannot begin with."""
    if not _begins_topic(text):
        raise ValueError(f"{text!r} cannot begin a topic: {_PREFIX}")


def check_image_host(text: str) -> None:
    """Raises ValueError."""
    written = _HOST.fullmatch(text)
    if written is None or not 0 < int(written[1] or 1) < 65_536:
        raise ValueError(f"{text!r} is not a host: write it as ci.example or 10.0.0.5:8000")


def check_alertmanager(text: str) -> None:
    """Raises ValueError."""
    _check_query(_check_http(text, "http://host:9093"))


def check_influx(text: str) -> None:
    """Raises ValueError."""
    parts = _check_http(text, "http://host:8086/write?db=mesh")
    if not parts.path.strip("/"):
        raise ValueError(
            "must be the whole address to write to: http://host:8086/write?db=mesh for InfluxDB 1 and "
            "VictoriaMetrics, /api/v2/write?org=o&bucket=b for 2, /api/v3/write_lp?db=mesh for 3"
        )


def shown_alertmanager(text: str) -> str:
    """Without a login in it."""
    return _without_login(text)


def shown_influx(text: str) -> str:
    """Without a login in it; parameters may be one."""
    parts = urlsplit(text)
    return _without_login(text) + (f"?{MASKED}" if parts.query else "")


def _begins_topic(text: str) -> bool:
    fits = _TOPIC.fullmatch(text) and len(text) <= _TOPIC_CHARACTERS_MAX
    return bool(fits) and not text.endswith("/") and "//" not in text


def _without_login(text: str) -> str:
    parts = urlsplit(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _check_http(text: str, example: str) -> SplitResult:
    parts = _split(text, example)
    if parts.scheme not in {"http", "https"} or parts.fragment:
        raise ValueError(f"must be an address as {example}")
    return parts


def _split(text: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"must be an address as {example}") from None
    if not parts.hostname or port == 0 or any(character.isspace() for character in text):
        raise ValueError(f"must be an address as {example}")
    if "@" in parts.path:
        raise ValueError(_LATE_LOGIN)
    return parts


def _check_query(parts: SplitResult) -> None:
    """Not for what may well have a user in its parameters, as a database."""
    if "@" in parts.query:
        raise ValueError(_LATE_LOGIN)


def _choices(query: str) -> dict[str, str]:
    try:
        choices = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise ValueError("must end as ?profile=alteriom&control=yes, or without a ?") from None
    for name, value in choices.items():
        if name not in _CHOICES:
            raise ValueError(f"must have nothing but {', '.join(_CHOICES)} after the ?")
        if value not in _CHOICES[name]:
            raise ValueError(f"must have {' or '.join(_CHOICES[name])} as {name}")
    return choices


def _yes(choice: str | None) -> bool | None:
    return None if choice is None else choice == "yes"
