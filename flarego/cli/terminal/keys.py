"""Bytes a terminal sends, as the keys that were pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMES = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "1~": "home",
    "7~": "home",
    "4~": "end",
    "8~": "end",
    "5~": "page up",
    "6~": "page down",
    "3~": "delete",
    "Z": "back tab",
}
_CONTROLS = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x0c": "redraw",
    "\x15": "clear",
}
_SEQUENCE = re.compile(r"\x1b(?:[\[O](?P<code>[0-9;]*[A-Za-z~])|(?P<meta>[^\[O]))?")


def keys(data: bytes) -> Iterator[str]:
    """Yield the name of each key, or the character it stands for. What is no key of ours is left out.

    An escape alone is the key itself: a sequence comes in one piece.
    """
    text, at = data.decode("utf-8", "ignore"), 0
    while at < len(text):
        if match := _SEQUENCE.match(text, at):
            at = max(match.end(), at + 1)
            if match["code"] is not None:
                if name := _NAMES.get(re.sub(r"^1;\d+|;\d+(?=~)", "", match["code"])):
                    yield name
            elif match["meta"] is None:
                yield "escape"
            continue
        char, at = text[at], at + 1
        if name := _CONTROLS.get(char):
            yield name
        elif char.isprintable():
            yield char
