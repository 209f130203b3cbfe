"""Where lines are written to, and what a database of that version wants with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from meshward.text import printable

WORDS_CHARACTERS = 200
_KEPT = ("db", "rp", "org", "orgID", "bucket", "bucketID")
"""Parameters that say where, and are no secrets."""
_SECRET_CHARACTERS = 4
"""Shorter ones are part of many words, and would only tear them."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the configuration, taken apart."""

    url: str
    """Without a login, and with the precision that we write in."""
    shown: str
    """For people: without secrets."""
    host: str
    """And its port, where one is given."""
    login: tuple[str, str] | None
    headers: dict[str, str]
    """With the token."""
    folder: str
    """What its spool is called: another one for another user, the same with another password."""
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Address({self.shown!r})"

    def cleaned(self, text: str) -> str:
        """What others say, on one line and without our secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return printable(" ".join(text.split()), WORDS_CHARACTERS)


def read_address(url: str, token: str | None) -> Address:
    """Take a checked address apart.

    The token goes to addresses of InfluxDB 2 and 3 without a login of their own, and to no other.
    """
    parts = urlsplit(url)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    where = [(name, value) for name, value in asked if name in _KEPT]
    base = f"{parts.scheme}://{_host(parts)}{parts.path}"
    shown = base + (f"?{urlencode(where)}" if where else "")
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    headers = _token_headers(parts.path, token) if token and login is None else {}
    others = [value for name, value in asked if name in {"u", "p", "token"}]
    secrets = {*(login or ()), *others, parts.password or "", token or ""}
    return Address(
        url=_with_precision(base, parts.path, asked),
        shown=printable(shown),
        host=_host(parts),
        login=login,
        headers=headers,
        folder=f"influx-{_digest(shown, parts.username or '')}",
        secrets=tuple(
            sorted((one for one in secrets if len(one) >= _SECRET_CHARACTERS), key=len, reverse=True)
        ),
    )


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host


def _with_precision(base: str, path: str, asked: list[tuple[str, str]]) -> str:
    """We write nanoseconds. That is what most take a time for; InfluxDB 3 guesses where it is not told."""
    query = [(name, value) for name, value in asked if name != "precision"]
    if "/api/v3/" in path:
        query.append(("precision", "nanosecond"))
    elif "/api/v2/" in path:
        query.append(("precision", "ns"))
    return base + (f"?{urlencode(query)}" if query else "")


def _token_headers(path: str, token: str) -> dict[str, str]:
    if "/api/v3/" in path:
        return {"authorization": f"Bearer {token}"}
    if "/api/v2/" in path:
        return {"authorization": f"Token {token}"}
    return {}
