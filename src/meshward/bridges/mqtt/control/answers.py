"""What is answered to a request, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshward import errors
from meshward.text import printable

WORDS_MAX = 600
"""Characters of an error's words."""

Answer = Mapping[str, Any]
"""`status` ok with `data`, or error with `error` (words) and `code` (one word for programs)."""


class RequestRefusedError(errors.MeshwardError):
    """A request that is not obeyed; `code` is a word for programs."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


_CODES: tuple[tuple[type[errors.MeshwardError], str], ...] = (
    (errors.UnknownItemError, "unknown"),
    (errors.UnknownNodeError, "unknown"),
    (errors.ConflictError, "conflict"),
    (errors.NotPossibleError, "not_possible"),
    (errors.NotConnectedError, "not_possible"),
    (errors.InvalidError, "invalid"),
    (errors.RolloutError, "refused"),
    (errors.FirmwareError, "refused"),
    (errors.UpdateRefusedError, "refused"),
    (errors.StoreFullError, "store_full"),
    (errors.StoreError, "store"),
)


def good(data: Any) -> Answer:
    """It was done."""
    return {"status": "ok", "data": data}


def bad(error: errors.MeshwardError) -> Answer:
    """It was not."""
    if isinstance(error, RequestRefusedError):
        code = error.code
    else:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), "failed")
    return {"status": "error", "error": printable(str(error), WORDS_MAX), "code": code}


def broken(error: Exception) -> Answer:
    """An error of our own."""
    words = f"an error of Meshward's own ({type(error).__name__}): see the gateway's log, and report it"
    return {"status": "error", "error": words, "code": "internal"}
