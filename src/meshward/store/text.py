"""Values as the columns hold them: JSON texts."""

from typing import Any, TypeVar

import msgspec

from meshward.errors import StoreError

T = TypeVar("T")


def to_json(value: Any) -> str:
    """The JSON text of a value."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[T], what: str) -> T:
    """The value in a column. Raises StoreError where it is not what this version knows."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{what} in the database cannot be read ({error}): restore a backup, or use the version of "
            "Meshward that wrote it"
        ) from None
