"""All dashboards, as the files that are shipped."""

from __future__ import annotations

import json

from meshward.bridges.grafana.fleet import FLEET
from meshward.bridges.grafana.node import NODE_BOARD
from meshward.bridges.grafana.queries import KINDS
from meshward.bridges.grafana.rollout import ROLLOUT

BOARDS = (FLEET, NODE_BOARD, ROLLOUT)


def files() -> dict[str, str]:
    """Contents by file name."""
    return {
        f"{board.name}-{kind}.json": json.dumps(board.json(kind), indent=2, ensure_ascii=False) + "\n"
        for board in BOARDS
        for kind in KINDS
    }
