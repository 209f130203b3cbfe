"""Texts of peers, made fit to be shown to people, and texts of people, read."""

import re
import unicodedata

#: Longest text shown, in characters: a few terminal lines.
SHOWN_CHARACTERS = 400

_SIZE = re.compile(r"([0-9]{1,12}(?:[.][0-9]{1,6})?) *([KM]?)B?")
_FACTORS = {"": 1, "K": 1024, "M": 1024 * 1024}
_SIZE_MAX = 1 << 40


def printable(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """A text of a peer's, safe to print: one line of at most `limit` characters, none of them a control.

    A terminal obeys escape sequences, so a board could otherwise clear the screen or forge lines.
    """
    shown = "".join(_visible(character) for character in text[: limit + 1])
    return shown if len(text) <= limit else shown[: limit - 1] + "…"


def parse_size(text: str) -> int:
    """Bytes, written as `4096`, `200KB` or `1.5MB`; a KB is 1024 bytes. Raises ValueError."""
    written = _SIZE.fullmatch(text.strip().upper())
    size_bytes = float(written[1]) * _FACTORS[written[2]] if written else -1.0
    if not size_bytes.is_integer() or not 0 <= size_bytes <= _SIZE_MAX:
        raise ValueError(f"{text!r} is not a size: write it as 204800, 200KB or 1.5MB")
    return int(size_bytes)


def _visible(character: str) -> str:
    # Cc, Cf: control and format (bidirectional overrides); Cs: lone surrogates, which no terminal can encode;
    # Zl, Zp: line and paragraph separators.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return " " if character in "\t\r\n" else "\N{REPLACEMENT CHARACTER}"
    return character
