"""Who is told of alerts: addresses that can be, and what may be shown of those with secrets in them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

Severity = Literal["info", "warning", "critical"]

_APPRISE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://\S+")
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\s@<>()\[\],;:\"\\]{1,255}")
_SMTP_PORTS = {"smtp": 587, "smtps": 465}
MASKED = "…"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is told of alerts."""

    name: str
    """One of its own, the same after a restart; without the secrets of its address."""
    kind: Literal["webhook", "mail", "apprise"]
    lowest: Severity
    """It is told of alerts of this severity, and of worse ones."""
    target: str = field(repr=False)
    """URL or mail address."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    tls: bool
    """From the first byte on; else by STARTTLS where it is offered."""
    user: str = ""
    """Empty for no login."""


def check_webhook(text: str) -> None:
    """Raises ValueError."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise ValueError("must be an address as https://hooks.example/path")
    _port_of(parts)


def shown_webhook(text: str) -> str:
    """Its host, for whoever knows the path may often post there."""
    parts = urlsplit(text)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/{MASKED}"


def check_apprise(text: str) -> None:
    """Raises ValueError."""
    if not _APPRISE.fullmatch(text):
        raise ValueError("must be an address of Apprise's, as tgram://TOKEN/CHAT")


def shown_apprise(text: str) -> str:
    """The service, for all the rest may be secret."""
    return f"{text.partition('://')[0]}://{MASKED}"


def shown_nothing(_text: str) -> str:
    """That it is set."""
    return MASKED


def check_mail(text: str) -> None:
    """Raises ValueError."""
    if not _MAIL.fullmatch(text) or not text.isprintable():
        raise ValueError(f"{text!r} is not a mail address: write it as ops@mesh.example")


def mail_server(text: str) -> MailServer:
    """The server of smtp://USER@HOST:PORT. Raises ValueError without naming what may be secret."""
    parts = _split(text)
    if parts is not None and parts.password is not None:
        raise ValueError("must not hold the password: give it as alerts.smtp_password")
    if (
        parts is None
        or parts.scheme not in _SMTP_PORTS
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        raise ValueError("must be a server as smtp://user@mail.example:587 or smtps://user@mail.example")
    port = _port_of(parts) or _SMTP_PORTS[parts.scheme]
    return MailServer(parts.hostname or "", port, parts.scheme == "smtps", unquote(parts.username or ""))


def check_external_url(text: str) -> None:
    """Raises ValueError."""
    parts = _split(text)
    if (
        parts is None
        or parts.scheme not in {"http", "https"}
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise ValueError("must be an address as https://mesh.example/meshward")
    _port_of(parts)


def named(
    kind: Literal["webhook", "mail", "apprise"], lowest: Severity, targets: tuple[str, ...]
) -> list[Receiver]:
    """The receivers of one kind; the same target twice is one."""
    targets = tuple(dict.fromkeys(targets))
    words = [_words(kind, target) for target in targets]
    often = Counter(words)
    return [
        Receiver(
            # A number by their order would move to another one when a line of the file is taken out.
            word if often[word] == 1 else f"{word} ({hashlib.sha256(target.encode()).hexdigest()[:6]})",
            kind,
            lowest,
            target,
        )
        for word, target in zip(words, targets, strict=True)
    ]


def _words(kind: str, target: str) -> str:
    if kind == "mail":
        return f"mail {target}"
    if kind == "apprise":
        return target.partition("://")[0].lower()
    parts = urlsplit(target)
    return f"webhook {parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _split(text: str) -> SplitResult | None:
    """The parts of an address with a host; None where it is none."""
    if not text.isprintable() or any(character.isspace() for character in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:  # whose words repeat the text
        return None
    return parts if parts.hostname else None


def _port_of(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("has no usable port: it must be from 1 to 65535")
    return port
