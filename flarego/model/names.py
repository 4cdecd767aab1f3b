"""Names of Go functions as people read them: shorter by meaning, not by length, and by whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from flarego.model.frame import Frame

_TYPE_ARGUMENTS = re.compile(r"(?<=.)\[[^\]]*\](?=[.)]|$)")
_RECEIVER = re.compile(r"^\(?\*?[^.()]*\)\.")
_OUTER = re.compile(r"^([^.()]+)\.(?!func\d|\d)")


@lru_cache(maxsize=1 << 15)
def forms(function: str) -> tuple[str, ...]:
    """Return a function's name in ever shorter forms: the page's own (static/model/format.js).

    `github.com/acme/api/cache.(*LRU[go.shape.int]).Get.func1` gives `cache.(*LRU[…]).Get.func1`,
    `(*LRU).Get.func1`, `Get.func1`. What control characters are in it are replaced.
    """
    plain = _TYPE_ARGUMENTS.sub("[…]", printable(function))
    path = plain.partition("(")[0]
    base = plain[path.rfind("/") + 1 :]
    _, dot, member = base.partition(".")
    if not dot or " " in base:
        return (base,)
    member = member.replace("[…]", "")
    method = _OUTER.sub("", _RECEIVER.sub("", member, count=1), count=1)
    return tuple(dict.fromkeys((base, member, method)))


def fit(names: Sequence[str], room: int) -> str:
    """Return the longest form that fits, or as much of the shortest as does; "" when that would tell nothing."""
    for name in names:
        if len(name) <= room:
            return name
    return f"{names[-1][: room - 1]}…" if room >= 3 else ""


def short(function: str) -> str:
    """Return a function's name with its package, without the way to it."""
    return forms(function)[0]


def package_of(function: str) -> str:
    """Return the import path of a function's package, "" when it has none."""
    head = re.split(r"[\[(]", function, maxsplit=1)[0]
    slash = head.rfind("/")
    dot = head.find(".", slash + 1)
    return head[:dot] if dot >= 0 else ""


@lru_cache(maxsize=1 << 15)
def is_standard(function: str, module: str) -> bool:
    """Tell whether a function is of Go's standard library: its import path's first element has no dot."""
    path = package_of(function)
    first = path.partition("/")[0]
    if path == "main" or first == module.partition("/")[0]:
        return False
    return first == "vendor" or "." not in first


def place(frame: Frame | None) -> str:
    """Return where a frame is, short: `server.go:2092`; "" when that is not known."""
    if frame is None or not frame.file:
        return ""
    return f"{printable(frame.file.rpartition('/')[2])}:{frame.line}"


def printable(text: str) -> str:
    """Return the text with nothing in it that could control a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
