"""What was answered lately: a request that comes twice is answered twice, and done once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from meshward.bridges.mqtt.control.answers import Answer, RequestRefusedError

REMEMBERED_MAX = 256
"""Requests: brokers send again what was under way when a connection broke, which is less."""


@dataclass(slots=True)
class Kept:
    """A request; `answer` is there once it is done."""

    fingerprint: bytes
    transaction: str = ""
    answer: Answer | None = None


class Recent:
    """The latest requests with their answers; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str | bytes], Kept] = OrderedDict()

    @staticmethod
    def fingerprint(action: str, payload: bytes) -> bytes:
        """Of a request as it came."""
        return hashlib.sha256(f"{action}\n".encode() + payload).digest()

    def again(self, action: str, fingerprint: bytes) -> tuple[str, Answer | None] | None:
        """Transaction and answer of a request that came before; no answer while it is still worked on."""
        kept = self._kept.get((action, fingerprint))
        return None if kept is None else (kept.transaction, kept.answer)

    def of_transaction(self, action: str, transaction: str, fingerprint: bytes) -> Kept | None:
        """The same for its transaction. Raises RequestRefusedError where that was of another request."""
        kept = self._kept.get((action, transaction)) if transaction else None
        if kept is not None and kept.answer is not None and kept.answer["status"] != "ok":
            return None  # it was not done: it can be tried again
        if kept is not None and kept.fingerprint != fingerprint:
            raise RequestRefusedError(
                "conflict", f"transaction {transaction} was another request: give each one its own"
            )
        return kept

    def begin(self, action: str, transaction: str, fingerprint: bytes) -> Kept:
        """It is worked on; write its answer to what is returned."""
        kept = Kept(fingerprint, transaction)
        self._put((action, fingerprint), kept)
        if transaction:
            self._put((action, transaction), kept)
        return kept

    def _put(self, key: tuple[str, str | bytes], kept: Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED_MAX:
            self._kept.popitem(last=False)
