"""Keeps painlessMesh networks up to date and healthy."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from meshward.errors import MeshwardError
    from meshward.mesh import Mesh

__all__ = ["Mesh", "MeshwardError", "__version__"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: the command line prints its help without an event loop.
    if name == "Mesh":
        from meshward.mesh import Mesh  # noqa: PLC0415

        return Mesh
    if name == "MeshwardError":
        from meshward.errors import MeshwardError  # noqa: PLC0415

        return MeshwardError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
