"""The view of the flame graph: where the time of the last seconds went."""

from __future__ import annotations

from flarego.cli.palette import COLOURS
from flarego.cli.terminal.paint import Line, Span
from flarego.cli.top.book import Picture
from flarego.cli.top.flame import Box, Path, Placed, lay_out
from flarego.model.names import fit, place, printable
from flarego.model.units import share

_BACK = ("backspace", "u")


class FlameView:
    """Arrows move along callers, callees and siblings; Enter makes the selected box the whole."""

    def __init__(self) -> None:
        self.cpu = False
        self.idle = False
        self._zoom: Path = ()
        self._selected: Path = ()
        self._placed: list[Placed] = []

    @property
    def hint(self) -> str:
        return "t weight"

    def key(self, key: str) -> bool:
        if key == "t":
            self.cpu = not self.cpu
        elif key == "i":
            self.idle = not self.idle
        elif key == "enter":
            self._zoom = self._selected
        elif key in _BACK and self._zoom:
            self._zoom = self._zoom[:-1]
            self._selected = self._zoom
        elif key == "0" or (key == "escape" and self._zoom):
            self._zoom = self._selected = ()
        elif key in ("up", "k", "down", "j", "left", "right", "home"):
            self._move(key)
        else:
            return False
        return True

    def _move(self, key: str) -> None:
        here = next((p for p in self._placed if p.box.path == self._selected), None)
        if here is None:
            self._selected = self._zoom
            return
        if key in ("up", "k"):
            self._selected = self._selected[:-1] if len(self._selected) > len(self._zoom) else self._selected
        elif key in ("down", "j"):
            below = [p for p in self._placed if p.row == here.row + 1 and p.box.path[:-1] == self._selected]
            if below:
                self._selected = max(below, key=lambda p: p.box.weight).box.path
        elif key == "home":
            self._selected = self._zoom
        else:
            row = [p for p in self._placed if p.row == here.row]
            at = row.index(here) + (1 if key == "right" else -1)
            if 0 <= at < len(row):
                self._selected = row[at].box.path

    def lines(self, picture: Picture, pattern: str, width: int, height: int) -> list[Line]:
        whole = picture.tree.root(cpu=self.cpu, idle=self.idle)
        top = whole.find(self._zoom)
        while top is None:  # nobody has been there of late
            self._zoom = self._zoom[:-1]
            top = whole.find(self._zoom)
        title = self._title(whole, top, pattern)
        if not whole.weight:
            return [title, [Span("  nothing in the last seconds" + ("" if self.idle else ": i shows the idle"), "dim")]]
        self._placed = lay_out(top, width, height - 2)
        selected = self._find(whole)
        rows: dict[int, list[Placed]] = {}
        for placed in self._placed:
            rows.setdefault(placed.row, []).append(placed)
        body = [self._row(rows.get(row, []), pattern, width) for row in range(height - 2)]
        return [title, *body, _about(selected, whole, top)]

    def _find(self, whole: Box) -> Box:
        box = next((p.box for p in self._placed if p.box.path == self._selected), None)
        if box is None:
            self._selected = self._zoom
            box = whole.find(self._zoom) or whole
        return box

    def _title(self, whole: Box, top: Box, pattern: str) -> Line:
        weight = "CPU time" if self.cpu else "wall time"
        spans = [
            Span(f"{weight} of the last seconds" + (", with the idle" if self.idle else ", without the idle"), "dim")
        ]
        if self._zoom:
            trail = " ▸ ".join(printable(box.names[-1]) for box in _trail(whole, top)[-3:])
            spans.append(Span(f"  all ▸ {'… ▸ ' if len(self._zoom) > 3 else ''}{trail}"))
        if pattern:
            spans.append(Span(f"  {share(top.matched(pattern.lower()), top.weight)} matches", "bold"))
        return spans

    def _row(self, row: list[Placed], pattern: str, width: int) -> Line:
        spans: list[Span] = []
        at = 0
        for placed in row:
            if placed.start > at:
                spans.append(Span(" " * (placed.start - at)))
            spans.append(self._box(placed, pattern))
            at = placed.end
        return spans

    def _box(self, placed: Placed, pattern: str) -> Span:
        box, room = placed.box, placed.end - placed.start
        label = "▏" + fit(box.names, room - 1).ljust(room - 1) if room > 1 else "▏"
        if box.path == self._selected:
            return Span(label, "bold black on bright_white")
        if not box.category:
            return Span(label, "reverse")
        if pattern and not (box.frame and pattern.lower() in box.frame.function.lower()):
            return Span(label, COLOURS[box.category])
        return Span(label, f"{'bold ' if not box.frame else ''}black on {COLOURS[box.category]}")


def _trail(whole: Box, top: Box) -> list[Box]:
    found = [whole.find(top.path[:depth]) for depth in range(1, len(top.path) + 1)]
    return [box for box in found if box]


def _about(box: Box, whole: Box, top: Box) -> Line:
    name = box.frame.function if box.frame else box.names[0]
    spans = [
        Span(name, "bold"),
        Span(f"  {place(box.frame)}" if box.frame else "", "dim"),
        Span(f"  {share(box.weight, whole.weight)}"),
    ]
    if own := box.own:
        spans.append(Span(f", itself {share(own, whole.weight)}"))
    if top.path:
        spans.append(Span(f", {share(box.weight, top.weight)} of the zoom"))
    return spans
