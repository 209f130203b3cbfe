"""A table of figures, printed so that it can be pasted into a document."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Figures under a title. `columns` and the cells of `rows` correspond; None prints as nothing."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]]
    notes: Sequence[str] = field(default=())

    def as_dict(self):
        """For programs: each row by its columns."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}

    def text(self, command: str) -> str:
        """Markdown, with the command that makes the table."""
        head = list(self.columns)
        body = [[cell_text(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        is_words = [all(isinstance(row[at], str | None) for row in self.rows) for at in range(len(head))]
        rule = [
            "-" * width if words else "-" * (width - 1) + ":"
            for width, words in zip(widths, is_words, strict=True)
        ]
        lines = [_line(row, widths, is_words) for row in (head, rule, *body)]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"### {self.title}", "", f"`{command}`", "", *lines, *notes, ""])


def cell_text(cell: Cell) -> str:
    """A figure with as many digits as say something."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        places = 0 if abs(cell) >= 1000 else 1 if abs(cell) >= 10 else 2
        return f"{cell:,.{places}f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _line(cells, widths, is_words) -> str:
    padded = [
        cell.ljust(width) if words else cell.rjust(width)
        for cell, width, words in zip(cells, widths, is_words, strict=True)
    ]
    return f"| {' | '.join(padded)} |"
