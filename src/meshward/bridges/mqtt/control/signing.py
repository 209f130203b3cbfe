"""Signed requests: proof that whoever sent one has the key, and that it was not obeyed before.

A signed request is `{"signed": TEXT, "signature": HEX}`. TEXT is the request itself as JSON, with `at`
(Unix seconds) and `transaction` in it; the signature is HMAC-SHA256 over the action, a line feed and TEXT.
An action is what stands in the topic: "start", "command" (the proposal's form), "message/123". Give each
mesh a key of its own: what is signed for one is good for every gateway that has the same key.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import structlog

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.small_files import replace_file
from meshward.errors import SettingsError

ACTIONS = ("approve", "pause", "resume", "abort", "rollback")
"""What can be done with a rollout."""
KNOWN = ("check", "start", *ACTIONS, "status")
"""All that can be asked, but for the proposal's form and what goes into the mesh."""
KEY_BYTES_MIN = 16
KEY_BYTES_MAX = 4096
GOOD_FOR_S = 300.0
"""How old a request may be: brokers and retries take a while, clocks differ."""
AHEAD_S = 30.0
"""How far the sender's clock may be ahead of ours."""
REMEMBERED_MAX = 10_000
"""Transactions kept while their requests are good: more than 30 a second are no people and no CI."""
TRANSACTION = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = structlog.get_logger("meshward.bridges")


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signed: str
    signature: str


class _Memory(msgspec.Struct):
    """As the file has it."""

    seen: dict[str, float]
    """Transactions that were obeyed, and when they were signed."""
    forgotten_s: float


class _Stamp(msgspec.Struct, frozen=True):
    at: float
    transaction: str


def read_key(path: Path) -> bytes:
    """The key in a file, without white space around it. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = file.read(KEY_BYTES_MAX + 1).strip()
    except OSError as error:
        raise SettingsError(f"the key file {path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SettingsError(f"the key file {path} can be read by others: run `chmod 600 {path}`")
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise SettingsError(
            f"the key in {path} must be {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes long; make one with "
            f"`openssl rand -hex 32 > {path}`"
        )
    return key


def signature_of(key: bytes, action: str, text: str) -> str:
    """As 64 hexadecimal digits."""
    return hmac.new(key, f"{action}\n{text}".encode(), hashlib.sha256).hexdigest()


def sign(key: bytes, action: str, request: Mapping[str, Any], now_s: float | None = None) -> str:
    """The payload to publish; `at` and `transaction` are added where they are not given."""
    stamped = {
        "at": int(time.time() if now_s is None else now_s),
        "transaction": secrets.token_hex(12),
        **request,
    }
    text = json.dumps(stamped, separators=(",", ":"))
    payload = {"signed": text, "signature": signature_of(key, action, text)}
    return json.dumps(payload, separators=(",", ":"))


class Signatures:
    """Checks signed requests; one for all brokers: what one brought is not obeyed again from another."""

    def __init__(self, key: bytes, path: Path, now_s: Callable[[], float] = time.time) -> None:
        """`path`: a file of ours, where transactions are remembered over a restart."""
        self._key = key
        self._path = path
        self._now_s = now_s
        self._seen: dict[str, float] = {}
        self._forgotten_s = 0.0
        """Of what was signed up to then it is not known any more whether it was obeyed."""
        self._writer = ThreadPoolExecutor(1, "mqtt-transactions")
        """One at a time, in their order, and not on the event loop: a disk can take a second."""
        self._load()

    async def open(self, action: str, payload: bytes) -> bytes:
        """The request that was signed, once the disk remembers it. Raises RequestRefusedError."""
        envelope = _envelope(payload)
        text = envelope.signed
        wanted = signature_of(self._key, action, text)
        if not hmac.compare_digest(wanted.encode(), envelope.signature.lower().encode()):
            raise RequestRefusedError(
                "signature",
                f"the signature is wrong for {action!r}: sign the request with the gateway's key, over the "
                "action, a line feed and the text (`meshward mqtt sign` does)",
            )
        stamp = _stamp(text)
        now_s = self._now_s()
        self._check_time(stamp.at, now_s)
        if stamp.transaction in self._seen:
            raise RequestRefusedError(
                "replay", f"transaction {stamp.transaction} was obeyed already: sign each request anew"
            )
        await self._remember(stamp, now_s)
        return text.encode()

    def _check_time(self, at_s: float, now_s: float) -> None:
        if at_s > now_s + AHEAD_S:
            raise RequestRefusedError(
                "expired", f"signed {at_s - now_s:.0f} s in the future: set the clocks of both machines"
            )
        if at_s < now_s - GOOD_FOR_S:
            raise RequestRefusedError(
                "expired",
                f"signed {now_s - at_s:.0f} s ago, and good for {GOOD_FOR_S:.0f} s: sign it anew, and see "
                "that the clocks of both machines are right",
            )
        if at_s <= self._forgotten_s:
            raise RequestRefusedError(
                "expired",
                f"signed {now_s - at_s:.0f} s ago, and it is not known any more whether it was obeyed: sign "
                f"it anew; where the gateway's clock was ahead, delete bridges/{self._path.name} of its data "
                "and restart it",
            )

    async def _remember(self, stamp: _Stamp, now_s: float) -> None:
        self._forget(now_s - GOOD_FOR_S)
        if len(self._seen) >= REMEMBERED_MAX:
            raise RequestRefusedError("busy", "too many signed requests within five minutes: wait")
        self._seen[stamp.transaction] = stamp.at
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._writer, replace_file, self._path, self._written()
            )
        except OSError as error:
            # Not obeyed: after a restart it could be sent again.
            self._seen.pop(stamp.transaction, None)
            raise RequestRefusedError(
                "store", f"it cannot be remembered that this was obeyed: {error.strerror} ({self._path.name})"
            ) from error

    def _forget(self, before_s: float) -> None:
        """What is too old to be obeyed; also once the clock was set back."""
        old = {transaction: at_s for transaction, at_s in self._seen.items() if at_s < before_s}
        for transaction, at_s in old.items():
            del self._seen[transaction]
            self._forgotten_s = max(self._forgotten_s, at_s)

    def _load(self) -> None:
        try:
            memory = msgspec.json.decode(self._path.read_bytes(), type=_Memory)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            self._begin(error)
        else:
            self._seen, self._forgotten_s = memory.seen, memory.forgotten_s

    def _begin(self, error: Exception) -> None:
        """Nothing is known of before, be it the first start or not: so nothing signed before now is obeyed.

        That is written down at once: this start is the one that counts, and the next knows it.
        """
        if not isinstance(error, FileNotFoundError):
            log.warning("signed commands of before are not known any more", error=str(error))
        self._forgotten_s = math.floor(self._now_s()) - 1.0  # stamps are of whole seconds
        try:
            replace_file(self._path, self._written())
        except OSError as trouble:  # told again with each request
            log.warning("signed commands cannot be remembered", error=str(trouble))

    def _written(self) -> bytes:
        return msgspec.json.encode(_Memory(self._seen, self._forgotten_s))


def _envelope(payload: bytes) -> _Envelope:
    try:
        envelope = msgspec.json.decode(payload, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestRefusedError(
            "unsigned",
            'only signed requests are obeyed here: send {"signed": …, "signature": …}, as '
            "`meshward mqtt sign` writes it",
        ) from None
    return envelope


def _stamp(text: str) -> _Stamp:
    try:
        stamp = msgspec.json.decode(text, type=_Stamp)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RequestRefusedError(
            "invalid", f"a signed request needs `at` (Unix seconds) and `transaction`: {error}"
        ) from None
    if not TRANSACTION.fullmatch(stamp.transaction):
        raise RequestRefusedError("invalid", "transaction: 1 to 64 letters, digits, _ and -")
    return stamp
