"""What databases say when they refuse lines, and how many they refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

_DROPPED = re.compile(r"dropped=([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error's page says."""

    words: str
    """The database's own; "" where there are none to show."""
    lost: int
    """Lines that were refused; all of them where it does not say."""


class _Page(msgspec.Struct):
    # InfluxDB 1 and 3 say `error`, 2 says `message`.
    error: Any = None
    message: Any = None
    data: Any = None


def refusal(page: bytes, lines: int) -> Refusal:
    """Read the beginning of an error's page, after a request of so many lines."""
    try:
        told = msgspec.json.decode(page, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = page.decode("utf-8", "replace")
        return Refusal("" if "<" in said[:100] else _short(said), lines)
    said = next((one for one in (told.message, told.error) if isinstance(one, str)), "")
    if not said.startswith("partial write"):
        return Refusal(_short(said), lines)
    refused = told.data if isinstance(told.data, list) else []
    first = refused[0].get("error_message") if refused and isinstance(refused[0], dict) else None
    words = f"{said}: {first}" if isinstance(first, str) else said
    return Refusal(_short(words), min(_lost(said, len(refused)), lines))


def _lost(said: str, listed: int) -> int:
    """InfluxDB 1 does not count what it could not parse, and 3 lists what it refused."""
    dropped = _DROPPED.search(said)
    return max(int(dropped[1]) if dropped else 0, said.count("unable to parse"), listed, 1)


def _short(said: str) -> str:
    return " ".join(said[:2000].split())
