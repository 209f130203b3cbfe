"""What others say of a failure, made fit to be shown: one line, and without the secrets of an address."""

from __future__ import annotations

import re
from urllib.parse import unquote

from meshward.text import printable

SHOWN_CHARACTERS = 200
_SECRET_CHARACTERS = 4
"""Shorter pieces of an address are no secrets, and are part of many words."""
_PIECES = re.compile(r"[/:@?&=,;#+\s]+")


def cleaned(text: str, *secrets: str) -> str:
    """A text of somebody else's without these secrets, whole or in pieces."""
    pieces = {piece for secret in secrets for piece in (secret, *_PIECES.split(secret))}
    pieces |= {unquote(piece) for piece in pieces}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SECRET_CHARACTERS:
            text = text.replace(piece, "…")
    return printable(" ".join(text.split()), SHOWN_CHARACTERS)


def network_words(error: OSError) -> str:
    """What is wrong with a connection."""
    return cleaned(error.strerror or str(error)) or type(error).__name__
