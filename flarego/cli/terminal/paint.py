"""Lines of styled text, and the bytes that put them on a screen: only those that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from flarego.cli.columns import cut
from flarego.model.names import printable

_COLOURS = {
    name: number for number, name in enumerate(("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"))
}
_ATTRIBUTES = {"bold": 1, "dim": 2, "underline": 4, "reverse": 7}
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Terminals that know synchronized output show a frame as one; others ignore it."""


class Span(NamedTuple):
    """Text in one style: words of `bold dim underline reverse`, a colour, `on` a colour."""

    text: str
    style: str = ""


Line = Sequence[Span]


def width_of(line: Line) -> int:
    """Return how many columns a line takes."""
    return sum(cell_len(span.text) for span in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """Return a line with one part at either end; the left one gives way."""
    room = width - width_of(right) - 1
    left = clip(left, max(room, 0))
    return [*left, Span(" " * max(width - width_of(left) - width_of(right), 0)), *right]


def clip(line: Line, width: int) -> Line:
    """Return as much of a line as fits."""
    kept: list[Span] = []
    for span in line:
        room = width - width_of(kept)
        if room <= 0:
            break
        kept.append(span._replace(text=cut(span.text, room)))
    return kept


def codes(style: str, colour: bool) -> str:
    """Return the parameters of the escape sequence that a style stands for. Without colour, a background reverses."""
    found: list[int] = []
    words = iter(style.split())
    for word in words:
        if word in _ATTRIBUTES:
            found.append(_ATTRIBUTES[word])
            continue
        background = word == "on"
        name = next(words, "") if background else word
        if colour:
            bright = name.startswith("bright_")
            found.append(_COLOURS[name.removeprefix("bright_")] + 30 + 10 * background + 60 * bright)
        elif background:
            found.append(_ATTRIBUTES["reverse"])
    return ";".join(map(str, dict.fromkeys(found)))


def encode(line: Line, width: int, colour: bool) -> str:
    """Return a line as a terminal takes it. Nothing in its text can control the terminal."""
    parts = []
    for span in clip(line, width):
        text = printable(span.text)
        style = codes(span.style, colour)
        parts.append(f"\x1b[{style}m{text}\x1b[0m" if style else text)
    return "".join(parts)


class Painter:
    """Remembers what is on the screen."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._shown: list[str] = []
        self._size = (0, 0)

    def forget(self) -> None:
        """Paint everything next time."""
        self._size = (0, 0)

    def paint(self, lines: Iterable[Line], width: int, height: int) -> bytes:
        """Return the bytes that make the screen show the lines; b"" when it does."""
        rows = [encode(line, width, self._colour) for line in lines][:height]
        rows += [""] * (height - len(rows))
        out = []
        if self._size != (width, height):
            self._size, self._shown = (width, height), [""] * height
            out.append("\x1b[0m\x1b[2J")
        for at, (row, before) in enumerate(zip(rows, self._shown, strict=True), 1):
            if row != before:
                out.append(f"\x1b[{at};1H{row}\x1b[K")
        self._shown = rows
        return f"{_BEGIN}{''.join(out)}{_END}".encode("utf-8", "replace") if out else b""
