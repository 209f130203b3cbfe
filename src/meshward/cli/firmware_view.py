"""What the commands about the gateway's library show to people."""

from collections.abc import Sequence

from meshward.cli.durations import local_text
from meshward.cli.tables import Cell, Column, print_facts, print_table, print_text
from meshward.gateway.views import FirmwareView

_COLUMNS = (
    Column("sha256"),
    Column("name", matters=8),
    Column("hardware", matters=7),
    Column("project", matters=4),
    Column("version", matters=6),
    Column("size", matters=3, right=True),
    Column("nodes", matters=5, right=True),
    Column("added", matters=1),
    Column("notes", matters=2, flexible=True),
)


def print_library(firmware: Sequence[FirmwareView]) -> None:
    """A table of the library."""
    if not firmware:
        print_text("The library is empty: add the first one with `meshward firmware add FILE`.")
        return
    print_table(_COLUMNS, [_row(entry) for entry in firmware])


def print_firmware(firmware: FirmwareView) -> None:
    """All of one firmware."""
    facts: list[tuple[str, Cell]] = [
        ("file", firmware.name),
        ("what", firmware.what),
        ("size", f"{firmware.size_bytes} bytes"),
        ("hardware", firmware.hardware or ""),
        ("chip", firmware.chip or ""),
        ("project", firmware.project),
        ("version", firmware.version),
        ("intact", "yes" if firmware.intact else "NO"),
        ("signature", firmware.signature or "none"),
        ("md5", firmware.md5),
        ("sha256", firmware.sha256),
        ("running", f"on {firmware.running} nodes"),
        ("added", f"{local_text(firmware.added_at)} by {firmware.added_by}"),
        ("notes", firmware.notes),
    ]
    print_facts(facts)


def _row(firmware: FirmwareView) -> list[Cell]:
    return [
        firmware.sha256[:12],
        firmware.name if len(firmware.name) <= 24 else firmware.name[:23] + "…",
        firmware.hardware or "",
        firmware.project[:20],
        firmware.version[:20],
        f"{firmware.size_bytes / 1024:.0f} KB",
        str(firmware.running or ""),
        local_text(firmware.added_at)[:10],
        firmware.notes,
    ]
