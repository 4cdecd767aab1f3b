"""A flame graph as one SVG file: no script, titles for tooltips, the page's colours with a legend.

The root is at the bottom. What is narrower than MIN_WIDTH is not drawn; the last line says how much that is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO
from xml.sax.saxutils import escape

from flarego import __version__
from flarego.formats.category import COLOURS, NAMES, category_of
from flarego.formats.collapsed import with_state
from flarego.formats.recording import Recording
from flarego.formats.states import from_frame, state_frame
from flarego.model import units
from flarego.model.names import fit, forms
from flarego.model.profile import Row
from flarego.model.units import duration, share

WIDTH, ROW, MARGIN = 1200, 18, 12
MIN_WIDTH = 0.4
"""Pixels."""
MAX_DEPTH = 400
"""Rows; what is deeper is counted with the frame it is called from."""
_HEAD, _FOOT = 78, 30
_CHAR = 6.65
"""Width of a character of 11 px monospace."""
_MIN_LABEL = 24.0
_MIXED = "#d8d8d4"
_MAJORITY = 0.6
"""A frame has the colour of a state that it spends more than this share of its weight in."""
_SHADES = (0.16, 0.08, 0.0, -0.07)
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_STYLE = """\
text{font:11px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#111417}
.paper{fill:#fbfbfa}
.head{font:600 15px system-ui,sans-serif;fill:#1b1f24}
.note{font:12px system-ui,sans-serif;fill:#4a525c}
.f:hover rect{stroke:#111417;stroke-width:1.5}
@media(prefers-color-scheme:dark){.paper{fill:#14171b}.head{fill:#e6e9ed}.note{fill:#a3acb7}}
"""


@dataclass
class _Node:
    """One frame on one path."""

    name: str
    file: str = ""
    weight: float = 0.0
    children: dict[str, _Node] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=dict)

    def add(self, weight: float, category: str) -> None:
        self.weight += weight
        self.categories[category] = self.categories.get(category, 0.0) + weight

    def child(self, name: str, file: str) -> _Node:
        found = self.children.get(name)
        if found is None:
            found = self.children[name] = _Node(name, file)
        return found

    def colour(self) -> str:
        category = max(self.categories, key=lambda name: self.categories[name])
        if self.categories[category] < _MAJORITY * self.weight:
            return _MIXED
        return mix(COLOURS[category], _SHADES[hash_of(self.name) % len(_SHADES)])


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording's flame graph."""
    picture = _Picture(recording)
    for part in picture.parts():
        out.write(_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", part).encode())


class _Picture:
    """Boxes of one recording, and the text around them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._profile = recording.profile()
        self._root = _Node("all")
        for row in self._profile.rows:
            self._add(row)
        self._boxes = list(self._lay_out())
        self._depth = max(depth for _, depth, _, _ in self._boxes) + 1

    def _add(self, row: Row) -> None:
        weight = self._recording.weigh(row)
        if not weight:
            return
        category = category_of(row.state, row.reason)
        frames = [(frame.function, frame.file) for frame in self._profile.stack(row.node)]
        stack = with_state(frames, (state_frame(row.state, row.reason), ""), self._recording.state_frame)
        node = self._root
        node.add(weight, category)
        for name, file in stack[: MAX_DEPTH - 1]:
            node = node.child(name, file)
            node.add(weight, category)

    def _lay_out(self) -> Iterator[tuple[_Node, int, float, float]]:
        """Yield node, depth, x and width of each box that is wide enough; siblings by name."""
        scale = (WIDTH - 2 * MARGIN) / (self._root.weight or 1.0)
        todo = [(self._root, 0, float(MARGIN))]
        while todo:
            node, depth, x = todo.pop()
            yield node, depth, x, node.weight * scale
            for _, child in sorted(node.children.items()):
                if child.weight * scale >= MIN_WIDTH:
                    todo.append((child, depth + 1, x))
                x += child.weight * scale

    def parts(self) -> Iterator[str]:
        height = _HEAD + self._depth * ROW + _FOOT
        title = f"{self._recording.process.name}, pid {self._recording.process.pid}"
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        yield f' height="{height}" role="img" aria-label="{_attribute(title)}"><style>{_STYLE}</style>\n'
        yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>\n'
        yield f'<text class="head" x="{MARGIN}" y="24">{escape(title)}</text>\n'
        yield f'<text class="note" x="{MARGIN}" y="43">{escape(self._subtitle())}</text>\n'
        yield from self._legend()
        for node, depth, x, width in self._boxes:
            yield self._box(node, x, height - _FOOT - (depth + 1) * ROW, width)
        yield f'<text class="note" x="{MARGIN}" y="{height - 10}">{escape(self._footnote())}</text>\n</svg>\n'

    def _subtitle(self) -> str:
        info, span = self._recording.process, self._profile.end - self._profile.start
        at = datetime.fromtimestamp((info.epoch + self._profile.start) / 1e9, UTC) if info.epoch else None
        what = {"wall": "wall time of all goroutines", "cpu": "time on CPU", "count": "goroutines at the end"}
        parts = [f"{what[self._recording.weight]}: {self._text(self._root.weight)}", f"over {duration(span)}"]
        parts += [f"{at:%Y-%m-%d %H:%M:%S} UTC"] if at else []
        chosen = (*self._recording.states, *self._recording.reasons, *self._recording.groups)
        return ", ".join([*parts, *([f"only {', '.join(chosen)}"] if chosen else [])])

    def _legend(self) -> Iterator[str]:
        x = float(MARGIN)
        for category, colour in COLOURS.items():
            if category in self._root.categories:
                name = f"{NAMES[category]} {share(self._root.categories[category], self._root.weight)}"
                yield f'<rect x="{x:.1f}" y="53" width="11" height="11" rx="2" fill="{colour}"/>'
                yield f'<text class="note" x="{x + 16:.1f}" y="63">{escape(name)}</text>\n'
                x += 16 + 7 * len(name) + 14

    def _box(self, node: _Node, x: float, y: int, width: float) -> str:
        part = share(node.weight, self._root.weight)
        states = sorted(node.categories.items(), key=lambda item: -item[1])
        mixed = ", ".join(f"{NAMES[name]} {share(weight, node.weight)}" for name, weight in states)
        title = f"{node.name}\n{self._text(node.weight)}, {part}" + (f" ({mixed})" if len(states) > 1 else "")
        title += f"\n{node.file}" if node.file else ""
        fill = node.colour() if node.categories else _MIXED
        label = fit(_labels(node.name), int((width - 6) / _CHAR)) if width >= _MIN_LABEL else ""
        text = f'<text x="{x + 3:.1f}" y="{y + 12.5}">{escape(label)}</text>' if label else ""
        gap = 0.6 if width > 3 else 0.0
        place = f'x="{x:.2f}" y="{y}" width="{width - gap:.2f}" height="{ROW - 1}"'
        return f'<g class="f"><title>{escape(title)}</title><rect {place} rx="1.5" fill="{fill}"/>{text}</g>\n'

    def _footnote(self) -> str:
        drawn, all_nodes = len(self._boxes), _size(self._root)
        hidden = f"; {all_nodes - drawn:,} more are narrower than {MIN_WIDTH} px" if all_nodes > drawn else ""
        return f"flarego {__version__}. {drawn:,} frames{hidden}."

    def _text(self, weight: float) -> str:
        return f"{units.number(weight)} goroutines" if self._recording.weight == "count" else duration(weight)


def _labels(name: str) -> Sequence[str]:
    """Return what a box may say, the longest first."""
    state = from_frame(name)
    return (name, *forms(state[1] or state[0])) if state else (name, *forms(name))


def mix(colour: str, amount: float) -> str:
    """Return a colour so much nearer to white, or to black when the amount is negative."""
    to = 255 if amount >= 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (to - part) * abs(amount)):02x}" for part in parts)


def hash_of(name: str) -> int:
    """Return a small stable number for a name."""
    return zlib.crc32(name.encode("utf-8", "replace"))


def _size(root: _Node) -> int:
    total, todo = 0, [root]
    while todo:
        node = todo.pop()
        total += 1
        todo.extend(node.children.values())
    return total


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
