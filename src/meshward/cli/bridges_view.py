"""What the command `bridges` shows."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.durations import duration_text, seconds_since
from meshward.cli.readings import bytes_text
from meshward.cli.tables import Cell, Column, print_table, print_text
from meshward.gateway.bridge_views import BridgeView
from meshward.text import printable

_COLUMNS = (
    Column("bridge", flexible=True, room=20),
    Column("state"),
    Column("for", matters=7, right=True),
    Column("sent", matters=6, right=True),
    Column("bytes", matters=4, right=True),
    Column("waiting", matters=8, right=True),
    Column("dropped", matters=8, right=True),
)
_STYLES = {"up": "green", "starting": "yellow", "failing": "bold red"}


def print_bridges(bridges: Sequence[BridgeView], now: datetime) -> None:
    """A table of bridges, and below it how each is connected, or why it is not and what to do."""
    if not bridges:
        print_text(
            "There are no bridges: `meshward run --mqtt mqtt://HOST` makes one, and the tables [mqtt], "
            "[prometheus] and [influx] of the configuration."
        )
        return
    print_table(_COLUMNS, [_row(bridge, now) for bridge in bridges])
    for bridge in bridges:
        style = _STYLES[bridge.state] if bridge.state == "failing" else ""
        told = Text().append(f"\n{printable(bridge.name)}\n", style="bold")
        told.append(f"  {printable(bridge.text)}", style=style)
        if bridge.extras:
            told.append(f"\n  with {printable(', '.join(bridge.extras))}")
        print_text(told)


def _row(bridge: BridgeView, now: datetime) -> list[Cell]:
    return [
        bridge.name,
        Text(bridge.state, style=_STYLES[bridge.state]),
        duration_text(seconds_since(bridge.since_at, now) or 0.0),
        f"{bridge.sent:,}" if bridge.sent else "",
        bytes_text(bridge.sent_bytes) if bridge.sent_bytes else "",
        Text(f"{bridge.waiting:,}", style="yellow") if bridge.waiting else "",
        Text(f"{bridge.dropped:,}", style="red") if bridge.dropped else "",
    ]
