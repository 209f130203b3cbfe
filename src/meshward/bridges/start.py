"""Every bridge that is configured."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from meshward.bridges.base import Bridge
from meshward.config import Config
from meshward.gateway.service import Service


def make_bridges(service: Service, config: Config, data: Path) -> list[Bridge]:
    """The bridges, not started yet. `data`: the gateway's data directory; each keeps what it must there.

    Raises SettingsError for what cannot be, as a password file that cannot be read.
    """
    rng = SystemRandom()
    del service, config, data, rng
    return []
