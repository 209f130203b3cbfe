"""How to reach the mesh, as a user sets it once: the part of the configuration that mesh commands need."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from meshward.addresses import Address

#: Joining and each answer; a mesh of real boards answers in well under a second.
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the mesh, and who we are there."""

    #: Neighbours to dial, one at a time, the next when one fails.
    connect: tuple[Address, ...] = ()
    #: Where neighbours may dial us.
    listen: Address | None = None
    #: Our id; None takes the network card's.
    node_id: int | None = None
    #: Longest wait for joining, and for each answer, in seconds.
    timeout_s: float = DEFAULT_TIMEOUT_S


def load_settings(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """What the configuration file says, overridden by the environment; see `meshward.config`."""
    from meshward.config import load_config  # noqa: PLC0415 a help page needs none of it

    loaded = load_config(config, environ)
    return Settings(loaded.connect_addresses, loaded.listen_address, loaded.node_id, loaded.timeout_s)


def override(base: Settings, *, connect: tuple[Address, ...], listen: Address | None) -> Settings:
    """`base` with another way to the mesh, where one is given."""
    if not connect and listen is None:
        return base
    return replace(base, connect=connect, listen=listen)
