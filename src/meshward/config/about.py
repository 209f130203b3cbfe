"""What there is to know of a key of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class About:
    """What there is to know of a key besides its type and default."""

    text: str
    """For the file that `meshward init` writes."""
    what: str
    """What its value must be."""
    check: Callable[[Any], object] | None = None
    """Raises ValueError for a value, or an item of a list, that cannot be."""
    example: str = ""
    """As written in the file; for keys that are not set by default."""
    file: bool = False
    """Whether it names a file or folder: a relative one is taken from the configuration file's folder."""
    reload: bool = False
    """Whether a running gateway can take a new value."""
    shown: Callable[[str], str] | None = None
    """For a value, or an item of a list, with a secret in it: what may be shown of it."""
    commas: bool = True
    """Whether commas part the items of a list in a variable; else only spaces do."""
