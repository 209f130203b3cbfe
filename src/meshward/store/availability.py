"""How much of the time nodes were in the mesh, day by day.

Counted in samples of the metric `online`: each minute in which the gateway sees the mesh it takes one of
every node that it knows. So only time counts that was looked at: not that without a gateway, without a mesh,
or before the node was known. Its places in the tree (`nodes.parents`) would not do: of a node that flaps only
the latest 200 are kept, and nobody saw when it left while the gateway did not run. An absence of less than a
minute may fall between two samples.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from meshward.status.metrics import METRICS
from meshward.store.mesh_history import means, unrolled_s
from meshward.store.rollups import HOURS

DAY_S = 86_400


@dataclass(slots=True)
class Seen:
    """Of some time."""

    online: int = 0
    """Samples in which the node was in the mesh: minutes, about."""
    samples: int = 0
    """All samples."""

    @property
    def share(self) -> float | None:
        """Of the samples those in which it was in the mesh; None where there are none."""
        return self.online / self.samples if self.samples else None


def by_day(
    connection: sqlite3.Connection, nodes: Sequence[int], first_day_s: int, days: int, end_s: float
) -> dict[int, list[Seen]]:
    """Of each node the days in UTC from the one that begins at `first_day_s` on, up to `end_s`.

    Raises StoreError.
    """
    open_from_s = unrolled_s(connection, nodes)
    found: dict[int, list[Seen]] = {}
    for node in nodes:
        found[node] = seen = [Seen() for _ in range(days)]
        if node not in open_from_s:
            continue
        last_s = min(end_s, first_day_s + days * DAY_S)
        for at_s, mean, count in means(
            connection, HOURS, node, METRICS["online"], first_day_s, last_s, open_from_s[node]
        ):
            day = seen[int(at_s - first_day_s) // DAY_S]
            # Each sample says 0 or 1, so the mean of an hour tells exactly how many said 1.
            day.online += round(mean * count)
            day.samples += count
    return found
