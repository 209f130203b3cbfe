"""The profile by its name in the configuration."""

from __future__ import annotations

from typing import Literal

from meshward.bridges.mqtt.profiles.alteriom import AlteriomProfile
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.profiles.profile import Profile


def make_profile(name: Literal["meshward", "alteriom"], mesh: str = "", own_id: int | None = None) -> Profile:
    """One for each broker. `mesh`: what the mesh is called; `own_id`: the gateway's, where it is known."""
    return AlteriomProfile(mesh, own_id) if name == "alteriom" else MeshwardProfile()
