"""What can be asked over MQTT: JSON objects, read strictly and within limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.signing import TRANSACTION, Signatures
from meshward.rollout.spec import RolloutSpec

PAYLOAD_BYTES_MAX = 64 * 1024
"""A spec that names a thousand nodes takes 12 KB."""
NODES_MAX = 1000

Words = Annotated[str, msgspec.Meta(max_length=1000)]
NodeIds = Annotated[tuple[int, ...], msgspec.Meta(max_length=NODES_MAX)]

_INLINE = re.compile(
    r"unknown field `(data|content|contents|base64|firmware|binary|bytes|file|body|payload)`"
)
_NO_HASH = re.compile(r"matching regex '\^\[0-9A-Fa-f\]\{(\d+)\}\$' - at `\$\.(.+)`$")
_DIGITS_MAX = 64
NOT_INLINE = (
    "firmware is never sent through the broker: upload it to the gateway's API (`meshward firmware add`), or "
    'give its address: {"url": "http://…", "sha256": "…"}'
)


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request may say."""

    transaction: str = ""
    """Given back with the answer: 1 to 64 letters, digits, _ and -."""
    at: float | None = None
    """When it was signed, in Unix seconds; needed where requests have to be signed."""


class UrlImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Firmware that the gateway fetches."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    """http or https; its host has to be in `mqtt.image_hosts`."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{64}$")]
    """Of the file; another file is not taken."""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What it is called in the library; the last part of the address where not given."""


class StartRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`start` and `check`: an update, by `image`, `role` and what goes with them, or by a whole `spec`."""

    job: str = ""
    """A name of its own for this update: asking again under the same one does it once. `start` needs it."""
    image: str | UrlImage | None = None
    """SHA-256 of the library's (its first 6 digits or more), or an address and hash."""
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """As boards give it to `initOTAReceive`."""
    nodes: NodeIds = ()
    """Only these, where any are given."""
    tags: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    """Only nodes with all of these."""
    exclude: NodeIds = ()
    """Not these, whatever else is said."""
    waves: Literal["plain", "staged"] = "plain"
    """All at once; or a few first, watched, then more, and back to the last good firmware on failure."""
    approval: bool = False
    """Whether it waits for somebody's approval before it starts."""
    force: bool = False
    """Set aside what may be set aside of a refusal."""
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """What the rollout is called; the job where not given."""
    notes: Words = ""
    """For people, kept with the rollout."""
    spec: RolloutSpec | None = None
    """A rollout with all its settings, as the API takes it; its `images` may be [] where `image` is given."""


class ActRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`approve`, `pause`, `resume`, `abort`, `rollback`: one rollout, by its id or its job."""

    rollout: str = ""
    """Its id, as r1; or give `job`."""
    job: str = ""
    """The job that it was started for."""
    reason: Words = ""
    """Why, in words; kept with the rollout."""


class StatusRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`status`: one rollout or one node; where nothing is named, all that is under way."""

    rollout: str = ""
    """Id of one, as r1."""
    job: str = ""
    """The job of one."""
    node: int | None = None
    """Id of a node; give one of the three at most."""


class CommandRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command of Alteriom's for a node (package 400)."""

    command: Annotated[int, msgspec.Meta(ge=0, le=255)]
    """Its number, as the boards' program knows it."""
    parameters: dict[str, Any] = {}
    """What goes with it, as the boards' program reads it."""


class TextRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text for a node, where it has to be signed; else the text alone is sent."""

    text: str
    """As boards get it."""


R = TypeVar("R", bound=Request)


def check_size(payload: bytes) -> None:
    """Raises RequestRefusedError."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise RequestRefusedError(
            "too_large", f"{len(payload)} bytes, more than {PAYLOAD_BYTES_MAX}; {NOT_INLINE}"
        )


async def opened(signatures: Signatures | None, action: str, payload: bytes) -> bytes:
    """The request in a payload, proven where requests have to be signed. Raises RequestRefusedError."""
    return payload if signatures is None else await signatures.open(action, payload)


def decoded(text: bytes, kind: type[R]) -> R:
    """A request of a kind; nothing at all is as {}. Raises RequestRefusedError."""
    try:
        request = msgspec.json.decode(text.strip() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        if "unknown field `signed`" in str(error):
            raise RequestRefusedError(
                "unsigned_here",
                "signed requests cannot be checked here: give the gateway the key, as mqtt.control_key_file, "
                "or send them unsigned",
            ) from None
        if _INLINE.search(str(error)):
            raise RequestRefusedError("inline_image", f"{error}; {NOT_INLINE}") from None
        raise RequestRefusedError("invalid", _words(error, kind)) from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RequestRefusedError("invalid", f"this is no JSON: {error}") from None
    except RecursionError:
        raise RequestRefusedError("invalid", "it is nested too deep") from None
    if request.transaction and not TRANSACTION.fullmatch(request.transaction):
        raise RequestRefusedError("invalid", "transaction: 1 to 64 letters, digits, _ and -")
    if (
        isinstance(request, StartRequest)
        and isinstance(request.image, str)
        and len(request.image) > _DIGITS_MAX
    ):
        raise RequestRefusedError("inline_image", f"image: this is no SHA-256 of 64 digits; {NOT_INLINE}")
    return request


def _words(error: msgspec.ValidationError, kind: type[Request]) -> str:
    """What is wrong; what is known, after what is not."""
    words = str(error)
    no_hash = _NO_HASH.search(words)
    if no_hash is not None:
        return f"{no_hash[2]}: must be a hash of {no_hash[1]} hexadecimal digits"
    if "unknown field" in words and " - at " not in words:
        words += "; known are " + ", ".join(kind.__struct_fields__)
    return words


def transaction_told(payload: bytes) -> str:
    """The transaction of a request as it came, signed or not; "" where there is none. What is signed is not
    proven by that, and the rest may be wrong.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        return ""
    told = _read(payload)
    return _read(told.signed.encode(errors="replace")).transaction if told.signed else told.transaction


def _read(text: bytes) -> _Told:
    try:
        told = msgspec.json.decode(text, type=_Told)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _Told()
    return told if TRANSACTION.fullmatch(told.transaction) else _Told(signed=told.signed)


class _Told(msgspec.Struct, frozen=True):
    transaction: str = ""
    signed: str = ""
