"""Tables for terminals: numbers are never cut; names give way, by meaning, when the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from flarego.model.names import fit

GAP = "  "
_LEAST = 10
"""Columns below which a name tells nothing."""

Cell = str | Sequence[str]
"""A text, or forms of a name, the longest first."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    text: bool = False
    """Left-aligned, and narrower than its contents where there is no room."""
    weight: float = 1.0
    """How much of the room it gets then, compared to others."""


def text(title: str, weight: float = 1.0) -> Column:
    return Column(title, True, weight)


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[list[str]]:
    """Return the cells of the titles and of each row, padded to the width of their columns.

    Joined by GAP they are at most `width` wide. Columns with nothing in them are left out, and the last ones when there
    is no room for them.
    """
    filled = [at for at in range(len(columns)) if not rows or any(_longest(row[at]) for row in rows)]
    columns, rows = [columns[at] for at in filled], [[row[at] for at in filled] for row in rows]
    widths = [
        max([cell_len(column.title), *(cell_len(_longest(row[at])) for row in rows)])
        for at, column in enumerate(columns)
    ]
    while not _shrink(columns, widths, width) and len(widths) > 1:
        widths.pop()
    titles = [column.title for column in columns]
    return [
        [_pad(cell, room, column) for cell, room, column in zip(line, widths, columns, strict=False)]
        for line in [titles, *rows]
    ]


def join(cells: Iterable[str]) -> str:
    return GAP.join(cells).rstrip()


def cut(text: str, width: int) -> str:
    """Return the text, or as much of it as fits, with an ellipsis where it was cut."""
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + "…"[:width]


def _longest(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _shrink(columns: Sequence[Column], widths: list[int], width: int) -> bool:
    """Take what is too wide from the widest texts. False when they would become unreadable."""
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    texts = [at for at in range(len(widths)) if columns[at].text]
    for _ in range(max(excess, 0)):
        wide = [at for at in texts if widths[at] > _LEAST]
        if not wide:
            return False
        widths[max(wide, key=lambda at: widths[at] / columns[at].weight)] -= 1
    return True


def _pad(cell: Cell, room: int, column: Column) -> str:
    value = cell if isinstance(cell, str) else fit(cell, room)
    value = cut(value, room)
    space = " " * (room - cell_len(value))
    return value + space if column.text else space + value
