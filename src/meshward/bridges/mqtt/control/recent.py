"""What was answered lately: a request that comes twice is answered twice, and done once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.reception import Asked

REMEMBERED_MAX = 256
"""Requests: brokers send again what was under way when a connection broke, which is less."""
ANSWERS_BYTES_MAX = 1024 * 1024
"""Of their answers: most have a few hundred bytes, one about a thousand nodes 100 KB."""


ASKERS_MAX = 4
"""Who asked the same again while it was worked on, each for an answer at a place of its own."""


@dataclass(slots=True)
class Kept:
    """A request that changes something."""

    fingerprint: bytes
    payload: bytes | None = None
    """Its answer, once it is done."""
    failed: bool = False
    """Whether that is an error."""
    waiting: list[Asked] = field(default_factory=list)
    """Who asked for it again meanwhile."""


class Recent:
    """The latest requests with their answers; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str | bytes], Kept] = OrderedDict()
        self._bytes = 0

    @staticmethod
    def fingerprint(action: str, payload: bytes) -> bytes:
        """Of a request as it came."""
        return hashlib.sha256(f"{action}\n".encode() + payload).digest()

    def again(self, action: str, fingerprint: bytes) -> Kept | None:
        """A request that came before."""
        return self._kept.get((action, fingerprint))

    def of_transaction(self, action: str, transaction: str, fingerprint: bytes) -> Kept | None:
        """The same for its transaction. Raises RequestRefusedError where that was of another request."""
        kept = self._kept.get((action, transaction)) if transaction else None
        if kept is not None and kept.failed:
            return None  # it was not done: it can be tried again
        if kept is not None and kept.fingerprint != fingerprint:
            raise RequestRefusedError(
                "conflict", f"transaction {transaction} was another request: give each one its own"
            )
        return kept

    def begin(self, action: str, transaction: str, fingerprint: bytes) -> Kept:
        """It is worked on; `end` or `forget` what is returned."""
        kept = Kept(fingerprint)
        self._put((action, fingerprint), kept)
        if transaction:
            self._put((action, transaction), kept)
        return kept

    def end(self, kept: Kept, payload: bytes, *, failed: bool) -> None:
        """It was answered."""
        kept.payload, kept.failed = payload, failed
        self._bytes += sum(len(payload) for one in self._kept.values() if one is kept)
        while self._bytes > ANSWERS_BYTES_MAX:
            self._drop_oldest()

    def forget(self, kept: Kept) -> None:
        """It was given up: whoever asks again begins anew."""
        for key in [key for key, one in self._kept.items() if one is kept]:
            del self._kept[key]

    def _put(self, key: tuple[str, str | bytes], kept: Kept) -> None:
        self._bytes -= _size(self._kept.pop(key, None))
        self._kept[key] = kept
        while len(self._kept) > REMEMBERED_MAX:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(kept: Kept | None) -> int:
    return len(kept.payload or b"") if kept is not None else 0
