"""Tables for people that fit the terminal, whatever the texts in them say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshward.text import printable

_GAP = 2
FLEXIBLE_MIN = 12
Cell = str | Text


@dataclass(frozen=True, slots=True)
class Column:
    """A column and how much it matters: those that matter least go first where there is no room."""

    title: str
    matters: int = 9
    """9 stays always."""
    right: bool = False
    flexible: bool = False
    """Whether its texts may be cut. Several such columns share what room is left."""
    room: int = FLEXIBLE_MIN
    """Characters left to a flexible one, before others are dropped for it."""


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Indexes of the columns to show: not the empty ones, and no more than `width` has room for."""
    shown = [index for index in range(len(columns)) if any(len(row[index]) for row in rows)]

    def needed() -> int:
        return sum(_width(columns[index], rows, index) + _GAP for index in shown) - _GAP

    while needed() > width:
        droppable = [index for index in shown if columns[index].matters < 9]
        if not droppable:
            break
        shown.remove(min(droppable, key=lambda index: (columns[index].matters, -index)))
    return shown


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> Table:
    """A table without lines, at most `width` wide."""
    drawn = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    shown = fitting(columns, rows, width)
    widths = _widths(columns, rows, shown, width)
    for index in shown:
        column = columns[index]
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=widths[index],
        )
    for row in rows:
        drawn.add_row(*(as_text(row[index]) for index in shown))
    return drawn


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """A table on standard output."""
    console = Console(highlight=False)
    console.print(table(columns, rows, console.width))


def print_text(text: Cell) -> None:
    """A line or paragraph on standard output; styled where it is a terminal, and never wrapped."""
    Console(highlight=False).print(as_text(text), soft_wrap=True)


def as_text(cell: Cell) -> Text:
    """A cell without markup and control characters."""
    return cell if isinstance(cell, Text) else Text(printable(cell))


def print_facts(facts: Sequence[tuple[str, Cell]]) -> None:
    """Named facts, a line each; those that are not known are left out."""
    known = [(name, value) for name, value in facts if len(value)]
    width = max((len(name) for name, _ in known), default=0) + _GAP
    for name, value in known:
        print_text(Text().append(f"{name:<{width}}", style="bold").append_text(as_text(value)))


def _widths(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], shown: Sequence[int], width: int
) -> dict[int, int]:
    """The width of each column shown; flexible ones get the same share of the room that is left, and what
    one does not need goes to the others.
    """
    widths = {index: _width(columns[index], rows, index) for index in shown}
    flexible = [index for index in shown if columns[index].flexible]
    room = width - sum(widths.values()) - _GAP * (len(shown) - 1)
    room += sum(widths[index] for index in flexible)
    wanted = {index: max(len(columns[index].title), *_lengths(rows, index)) for index in flexible}
    for left, index in enumerate(sorted(flexible, key=lambda index: wanted[index])):
        widths[index] = max(1, min(wanted[index], room // (len(flexible) - left)))
        room -= widths[index]
    return widths


def _width(column: Column, rows: Sequence[Sequence[Cell]], index: int) -> int:
    widest = max([len(column.title), *_lengths(rows, index)])
    return min(widest, column.room) if column.flexible else widest


def _lengths(rows: Sequence[Sequence[Cell]], index: int) -> Iterator[int]:
    return (as_text(row[index]).cell_len for row in rows)
