"""The view of groups: goroutines that stand alike, and the stack of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flarego.cli.columns import GAP, Cell, Column, lay_out, text
from flarego.cli.palette import colour_of
from flarego.cli.terminal.paint import Line, Span
from flarego.cli.top.book import Entry, Picture
from flarego.cli.top.listing import Cursor
from flarego.model.frame import Frame
from flarego.model.names import forms, place, printable
from flarego.model.places import PlaceKey
from flarego.model.units import duration, number, signed

SORTS: dict[str, Callable[[Entry], float]] = {
    "count": lambda entry: entry.count,
    "change": lambda entry: abs(entry.change),
    "longest": lambda entry: entry.wait,
    "CPU": lambda entry: entry.cpu,
}
_STATE = 4
_WIDE = 110
"""Columns from which on there is room for lines."""
_NARROW = 60
"""Columns below which there is room for little more than names."""
_LINE = 6
COLUMNS = (
    Column("count"), Column("change"), Column("longest"), Column("CPU"), text("state"),
    text("function", 1.7), text("line", 0.8), text("created by", 1.2),
)  # fmt: skip


def matches(entry: Entry, pattern: str) -> bool:
    """Tell whether a text, in upper or lower case, is part of anything an entry tells."""
    if not pattern:
        return True
    about = entry.place
    creator = about.created_by.function if about.created_by else ""
    texts = (about.lane, about.state, creator, *(frame.function for frame in entry.stack), about.own.file)
    return any(pattern.lower() in value.lower() for value in texts)


def chosen(picture: Picture, pattern: str, sort: str, *, idle: bool) -> tuple[list[Entry], list[Entry]]:
    """Return the groups to show, sorted, and those that match and are idle or the runtime's own and so left out."""
    found = [entry for entry in picture.entries if (entry.count or entry.cpu >= 0.0005) and matches(entry, pattern)]
    aside = [] if idle else [entry for entry in found if entry.place.idle or entry.place.system]
    hidden = {id(entry) for entry in aside}
    shown = [entry for entry in found if id(entry) not in hidden]
    weigh = SORTS[sort]
    return sorted(shown, key=lambda entry: (-weigh(entry), -entry.count, entry.place.key)), aside


def columns(width: int) -> list[Column]:
    return [COLUMNS[at] for at in _shown(width)]


def _shown(width: int) -> Sequence[int]:
    if width < _NARROW:
        return (0, _LINE - 1, _STATE)
    return [at for at in range(len(COLUMNS)) if at != _LINE or width >= _WIDE]


def cells(entry: Entry, width: int) -> Sequence[Cell]:
    about = entry.place
    found: tuple[Cell, ...] = (
        number(entry.count),
        signed(entry.change, number(abs(entry.change))) if entry.change else "",
        duration(entry.wait) if entry.wait else "",
        f"{100 * entry.cpu:.1f}%" if entry.cpu >= 0.0005 else "",
        printable(about.lane),
        forms(about.own.function),
        place(about.own),
        forms(about.created_by.function) if about.created_by else "",
    )
    return [found[at] for at in _shown(width)]


class Groups:
    """The table; Enter opens the stack of the group that is selected."""

    def __init__(self) -> None:
        self.sort = "count"
        self.idle = False
        self._cursor = Cursor()
        self._opened: PlaceKey | None = None
        self._scroll = Cursor()

    @property
    def hint(self) -> str:
        return f"s {self.sort}"

    def key(self, key: str) -> bool:
        """Act on a key. False for one that means nothing here."""
        if self._opened:
            if key in ("backspace", "escape", "enter", "left"):
                self._opened = None
                return True
            return self._scroll.key(key)
        if key == "s":
            names = list(SORTS)
            self.sort = names[(names.index(self.sort) + 1) % len(names)]
        elif key == "i":
            self.idle = not self.idle
        elif key in ("enter", "right"):
            selected = self._cursor.selected
            self._opened = selected if isinstance(selected, tuple) else None
            self._scroll = Cursor()
        else:
            return self._cursor.key(key)
        return True

    def lines(self, picture: Picture, pattern: str, width: int, height: int) -> list[Line]:
        if self._opened:
            for entry in picture.entries:
                if entry.place.key == self._opened:
                    return self._stack(entry, height)
            self._opened = None
        shown, aside = chosen(picture, pattern, self.sort, idle=self.idle)
        suspects = {suspect.place.key for suspect in picture.suspects}
        visible = self._cursor.fit([entry.place.key for entry in shown], height - 1 - bool(aside))
        if self._cursor.chosen is None and shown:
            self._cursor.chosen = shown[0].place.key
        rows = [shown[at] for at in visible]
        titles, *table = lay_out(columns(width), [cells(entry, width) for entry in rows], width - 2)
        lines = [self._titles(titles)]
        for at, entry, row in zip(visible, rows, table, strict=True):
            lines.append(_row(entry, row, at == self._cursor.at, entry.place.key in suspects, width))
        if not shown:
            lines.append(
                [Span("  nothing matches; Escape clears the filter" if pattern else "  nobody but the idle", "dim")]
            )
        if aside:
            count = number(sum(entry.count for entry in aside))
            text = f"  {count} more in {len(aside)} groups are idle by design or the runtime's own (i shows them)"
            lines += [[]] * (height - 1 - len(lines)) + [[Span(text, "dim")]]
        return lines

    def _titles(self, titles: Sequence[str]) -> Line:
        spans = [Span("  ")]
        for title in titles:
            style = "bold underline" if title.strip() == self.sort else "dim"
            bare = title.strip()
            before, _, after = title.partition(bare) if bare else (title, "", "")
            spans += [Span(before), Span(bare, style), Span(after + GAP)]
        return spans[:-1]

    def _stack(self, entry: Entry, height: int) -> list[Line]:
        """The group's stack, innermost first as Go prints them."""
        about = entry.place
        colour = colour_of(about.state, about.reason)
        what = "goroutine" if entry.count == 1 else "goroutines"
        lines: list[Line] = [
            [Span(f"{number(entry.count)} {what}", "bold"), Span(f"  {about.lane}", colour),
             Span(f"  longest {duration(entry.wait)}" if entry.wait else "")],
        ]  # fmt: skip
        body: list[Line] = [
            [Span(f"  {frame.function}", "dim" if frame.internal else "bold"), Span(f"  {_place(frame)}", "dim")]
            for frame in reversed(entry.stack)
        ]
        if about.created_by:
            by = about.created_by
            body.append([Span("  created by ", "dim"), Span(by.function, "cyan"), Span(f"  {_place(by)}", "dim")])
        visible = self._scroll.fit(range(len(body)), height - 1)
        if self._scroll.chosen is None:
            self._scroll.chosen = 0
        return lines + [body[at] for at in visible]


def _place(frame: Frame) -> str:
    """Return file and line, with the folder the file is in."""
    return f"{'/'.join(frame.file.rsplit('/', 2)[-2:])}:{frame.line}" if frame.file else ""


def _row(entry: Entry, row: Sequence[str], selected: bool, suspect: bool, width: int) -> Line:
    mark = "⚑ " if suspect else "▸ " if selected else "  "
    if selected:
        line = mark + GAP.join(row)
        return [Span(line.ljust(width), "reverse")]
    colour = colour_of(entry.place.state, entry.place.reason)
    spans = [Span(mark, "bold red" if suspect else "")]
    for at, cell in zip(_shown(width), row, strict=False):
        style = colour if at == _STATE else "bold" if at == _STATE + 1 else "dim" if at > _STATE + 1 else ""
        spans += [Span(cell, style), Span(GAP)]
    return spans[:-1]
