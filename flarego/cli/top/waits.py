"""The view of waits: groups that only grow, and what most goroutines wait on."""

from __future__ import annotations

from flarego.cli.columns import GAP, Column, join, lay_out, text
from flarego.cli.summary import evidence
from flarego.cli.terminal.paint import Line, Span
from flarego.cli.top.book import Picture, Wait
from flarego.cli.top.listing import Cursor
from flarego.model.names import forms, place, printable
from flarego.model.places import whereabouts
from flarego.model.units import duration, mean, number

_SUSPECTS = (Column("per min"), text("counts"), text("state"), text("function", 1.7), text("created by", 1.2))
_WAITS = (
    Column("count"), Column("longest"), text("waits for", 1.5), text("what it is", 1.5),
    text("function", 1.7), text("line"),
)  # fmt: skip
_WIDE = 110
"""Columns from which on there is room for addresses."""


class Waits:
    @property
    def hint(self) -> str:
        return ""

    def __init__(self) -> None:
        self._cursor = Cursor()

    def key(self, key: str) -> bool:
        return self._cursor.key(key)

    def lines(self, picture: Picture, pattern: str, width: int, height: int) -> list[Line]:
        body = [*self._suspects(picture, width), [], *self._waits(picture, pattern, width)]
        visible = self._cursor.fit(range(len(body)), height)
        if self._cursor.chosen is None:
            self._cursor.chosen = 0
        return [body[at] for at in visible]

    def _suspects(self, picture: Picture, width: int) -> list[Line]:
        if not picture.suspects:
            text = "Leak suspects: none (a group that for half a minute only grew would be one)"
            return [[Span(text, "dim")]]
        rows = [
            (
                f"+{mean(suspect.per_minute)}",
                evidence(suspect),
                printable(suspect.place.lane),
                forms(suspect.place.own.function),
                forms(suspect.place.created_by.function) if suspect.place.created_by else "",
            )
            for suspect in picture.suspects
        ]
        titles, *table = lay_out(_SUSPECTS, rows, width - 2)
        return [
            [Span("Leak suspects", "bold red"), Span(": only ever more of them, and none has left", "dim")],
            [Span("  " + join(titles), "dim")],
            *([Span("⚑ ", "bold red"), Span(join(row))] for row in table),
        ]

    def _waits(self, picture: Picture, pattern: str, width: int) -> list[Line]:
        found = [wait for wait in picture.waits if _is_shared(wait) and _matches(wait, pattern)]
        if not found:
            return [[Span("Nothing that several goroutines wait on." if not pattern else "Nothing matches.", "dim")]]
        rows = []
        for wait in sorted(found, key=lambda wait: (-wait.count, -wait.longest, wait.address)):
            own = whereabouts(wait.stack, picture.info.module)[0] if wait.stack else None
            rows.append(
                (
                    number(wait.count),
                    duration(wait.longest),
                    printable(wait.reason or wait.kind),
                    printable(describe(wait, address=width >= _WIDE)),
                    forms(own.function) if own else "",
                    place(own),
                )
            )
        titles, *table = lay_out(_WAITS, rows, width - 2)
        lines: list[Line] = [[Span("What goroutines wait on", "bold")], [Span("  " + join(titles), "dim")]]
        return lines + [[Span("  " + GAP.join(row))] for row in table]


def _is_shared(wait: Wait) -> bool:
    """Tell whether others can end the wait; a timer or a connection is one goroutine's own."""
    return wait.count > 1 or (wait.count == 1 and wait.kind not in ("timer", "poll"))


def _matches(wait: Wait, pattern: str) -> bool:
    texts = (wait.reason, wait.kind, wait.address, *(frame.function for frame in wait.stack))
    return not pattern or any(pattern.lower() in text.lower() for text in texts)


def describe(wait: Wait, *, address: bool) -> str:
    """Return what is known of a wait object, by what its memory says: see FORMAT.md, "object".

    address: say where it is even if there is something better to say.
    """
    about, said = wait.about, []
    if "capacity" in about:
        said.append(
            f"channel {about.get('length', '?')}/{about['capacity']}" + (" closed" if about.get("closed") else "")
        )
    elif "held_by" in about:
        said.append(f"held by {about['held_by'] or 'nobody'}")
    elif "waiters" in about:
        said.append("locked" if about.get("locked") else "unlocked")
    elif "count" in about:
        said.append(f"{about['count']} to be done")
    return " ".join([*said, wait.address] if address or not said else said)
