"""What is to befall the boards of a fleet, as the flag says it."""

from collections.abc import Sequence

from meshward.errors import FleetError
from meshward.fleet.boards import Setting, read_nodes
from meshward.sim.stories import KINDS, Story


def read_stories(texts: Sequence[str]) -> list[Setting[Story]]:
    """Flags like `leak:1005`, `weak:1003-1007:-92` or `leak:1005,flap:1010,busy:all`. Raises FleetError."""
    return [_read(part.strip()) for text in texts for part in text.split(",")]


def _read(text: str) -> Setting[Story]:
    kind, _, rest = text.partition(":")
    nodes, colon, amount = rest.partition(":")
    try:
        first, last = read_nodes(nodes)
    except ValueError:
        raise FleetError(
            f"--story {text}: write it as --story leak:1005, or leak:1005:400 for another amount than the "
            f"usual; for nodes 1003-1007 or all instead of one as well. There are {', '.join(KINDS)}"
        ) from None
    try:
        return Setting(Story.read(f"{kind}{colon}{amount}"), first, last)
    except ValueError as error:
        raise FleetError(f"--story {text}: {error}") from None
