"""How images behave on the boards of a fleet, as the flags and the console say it."""

import re
from collections.abc import Sequence
from pathlib import Path

from meshward.errors import FirmwareError, FleetError
from meshward.firmware import Kind, extract_application, inspect
from meshward.sim.behaviour import KINDS, Behaviour, Behaviours
from meshward.sim.flash import Image

_FLAG = "--image-behaviour"
#: The image may be a path with colons in it: what follows the last behaviour's name is its number.
_WRITTEN = re.compile(rf"(.+):((?:{'|'.join(KINDS)})(?::[^:]*)?)", re.DOTALL)
_DIGITS = re.compile(r"[0-9a-fA-F]{6,32}")


def read_behaviours(texts: Sequence[str]) -> Behaviours:
    """Flags like `ab900f:crash-loop:20` or `app.bin:leak`. Raises FleetError."""
    behaviours = Behaviours()
    for text in texts:
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise FleetError(
                f"{_FLAG} {text}: write it as {_FLAG} MD5:crash-loop:20, with the image's file or at least "
                f"6 digits of its MD5, and one of {', '.join(KINDS)}"
            )
        try:
            behaviours.put(read_image(written[1]), read_behaviour(written[2]))
        except FleetError as error:
            raise FleetError(f"{_FLAG} {text}: {error}") from error
    return behaviours


def read_behaviour(text: str) -> Behaviour:
    """`leak` or `leak:60`. Raises FleetError."""
    try:
        return Behaviour.read(text)
    except ValueError as error:
        raise FleetError(str(error)) from error


def read_image(text: str) -> str:
    """The MD5, or the digits of it, of an image as it runs: given as such, or by its file. Raises FleetError.

    A gzip image runs unpacked, and of a whole flash the application inside is pushed.
    """
    if _DIGITS.fullmatch(text):
        return text.lower()
    try:
        data = Path(text).read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise FleetError(
            f"{text!r} is neither 6 to 32 digits of an MD5 nor a file that can be read ({reason.lower()})"
        ) from error
    image = inspect(data)
    if image.kind is Kind.OTHER:
        return Image.of(data).md5
    try:
        return Image.of(extract_application(data, image)).md5
    except FirmwareError as error:
        raise FleetError(f"{text!r}: {error}") from error
