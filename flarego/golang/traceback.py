"""Goroutines as text, as the runtime's own traceback prints them (`/debug/pprof/goroutine?debug=2`).

Source: runtime/traceback.go at go1.19 … go1.27: goroutineheader, traceback2, showfuncinfo, printFuncName,
printcreatedby1, isSystemGoroutine. Arguments are printed as "(...)": their values are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flarego.golang.labels import LabelReader
from flarego.golang.symbols import Symbols
from flarego.model.frame import Frame

if TYPE_CHECKING:
    from flarego.native._core import Goroutine

STATUS_NAMES = {
    0: "idle", 1: "runnable", 2: "running", 3: "syscall", 4: "waiting", 5: "moribund", 6: "dead", 7: "enqueue",
    8: "copystack", 9: "preempted", 10: "leaked", 11: "deadextra",
}  # fmt: skip
_RUNNING, _SYSCALL, _WAITING, _LEAKED = 2, 3, 4, 10
_SCAN = 0x1000
_EXACT = 1 << 63
_ELIDED = 1
"""Stands for the frames the unwinder left out in the middle of a very deep stack (flarego.h, FG_PC_ELIDED)."""
_INNER_FRAMES = _OUTER_FRAMES = 50
_MAX_WALK_120 = 100
_MINUTE_NS = 60_000_000_000
_PANICS = frozenset({"runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap"})
_USER_STARTS = frozenset({"runtime.main", "runtime.corostart", "runtime.handleAsyncEvent"})
_CALLS_BACK = frozenset({"runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"})
"""System goroutines that count as the user's while they run a finalizer or cleanup."""
_PLAIN_LABEL = re.compile(r"[a-zA-Z0-9./_]*")


@dataclass(frozen=True)
class Style:
    """What differs between versions and wishes. `minor` is the target's Go minor version."""

    minor: int
    reasons: list[str]
    now_ns: int
    """CLOCK_MONOTONIC, from which the minutes of a wait are counted."""
    show_runtime: bool = False
    show_system: bool = False
    show_labels: bool = False
    """Labels in the header: the default of programs whose go.mod says 1.27 or later."""
    extra: Mapping[int, str] = field(default_factory=dict)
    """More to say in the header, by goroutine id."""


def format_dump(goroutines: Iterable[Goroutine], symbols: Symbols, labels: LabelReader, style: Style) -> Iterator[str]:
    """Yield the text of each goroutine that is shown, with an empty line between them."""
    separator = ""
    for goroutine in goroutines:
        if style.show_system or not is_system(goroutine, symbols):
            yield separator + "\n".join(format_goroutine(goroutine, symbols, labels, style)) + "\n"
            separator = "\n"


def is_system(goroutine: Goroutine, symbols: Symbols) -> bool:
    """Tell whether the runtime itself started the goroutine, as isSystemGoroutine does.

    A finalizer or cleanup goroutine counts as the user's while there is user code on its stack.
    """
    if symbols.function_at(goroutine["startpc"]) is None:
        return False
    start = symbols.entry(goroutine["startpc"]).function
    if start in _CALLS_BACK:
        return not any(not frame.function.startswith("runtime.") for frame in call_stack(goroutine, symbols))
    return start.startswith("runtime.") and start not in _USER_STARTS


def left_out(goroutine: Goroutine) -> int:
    """Return how many frames of a very deep stack the unwinder left out."""
    return goroutine["walked"] - len(goroutine["pcs"]) + 1 if _ELIDED in goroutine["pcs"] else 0


def call_stack(goroutine: Goroutine, symbols: Symbols, limit: int | None = None) -> list[Frame]:
    """Return every frame of a goroutine, or of its innermost `limit` pcs; innermost first, inlining expanded."""
    frames: list[Frame] = []
    for pc in goroutine["pcs"][:limit]:
        if pc != _ELIDED:
            frames.extend(reversed(symbols.frames(pc & ~_EXACT, bool(pc & _EXACT))))
    return frames


def format_goroutine(goroutine: Goroutine, symbols: Symbols, labels: LabelReader, style: Style) -> Iterator[str]:
    """Yield the lines of one goroutine."""
    yield header(goroutine, labels, style)
    if goroutine["pcs"]:
        stack = call_stack(goroutine, symbols, _MAX_WALK_120 if style.minor <= 20 else None)
        shown = stack if style.show_runtime else list(visible(stack)) or stack
        if style.minor <= 20:
            yield from _frame_lines_120(shown)
        else:
            yield from _frame_lines(shown, style.minor, left_out(goroutine))
    else:
        yield "\tgoroutine running on other thread; stack unavailable"
    yield from _created_by(goroutine, symbols, style)


def header(goroutine: Goroutine, labels: LabelReader, style: Style) -> str:
    """Return the line `goroutine N [state, M minutes, locked to thread]:`."""
    status = goroutine["status"] & ~_SCAN
    notes = [state_name(status, goroutine["reason"], style.reasons)]
    if status in (_WAITING, _SYSCALL) and goroutine["wait_since"]:
        minutes = (style.now_ns - goroutine["wait_since"]) // _MINUTE_NS
        notes += [f"{minutes} minutes"] if minutes >= 1 else []
    notes += ["locked to thread"] if goroutine["locked"] else []
    text = f"goroutine {goroutine['goid']} [{', '.join(notes)}]"
    found = labels.read(goroutine["labels"]) if style.show_labels else {}
    if found:
        text += " {" + ", ".join(f"{_quote(key)}: {_quote(value)}" for key, value in found.items()) + "}"
    if goroutine["goid"] in style.extra:
        text += f" {style.extra[goroutine['goid']]}"
    return text + ":"


def state_name(status: int, reason: int, reasons: list[str]) -> str:
    """Return the state as a traceback's header names it: the wait reason of a waiting goroutine, else its status."""
    status &= ~_SCAN
    if status in (_WAITING, _LEAKED) and 0 < reason < len(reasons):
        return reasons[reason] + (" (leaked)" if status == _LEAKED else "")
    return STATUS_NAMES.get(status, "???")


def _quote(text: str) -> str:
    if _PLAIN_LABEL.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def visible(stack: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames that a traceback shows, innermost first."""
    callee, first = "", True
    for frame in stack:
        hidden = frame.wrapper and callee not in _PANICS
        shows_panic = frame.function == "runtime.gopanic" and not first
        if not hidden and (shows_panic or not frame.internal):
            first = False
            yield frame
        callee = frame.function


def _frame_lines(frames: list[Frame], minor: int, left_out: int) -> Iterator[str]:
    """Since 1.21: the innermost and the outermost 50, and how many there are between."""
    elided = len(frames) + left_out - _INNER_FRAMES - _OUTER_FRAMES
    if elided <= 0:
        inner, outer = frames, []
    else:
        inner, outer = frames[:_INNER_FRAMES], frames[-_OUTER_FRAMES:]
    for frame in inner:
        yield from _lines_of(frame, minor)
    if elided > 0:
        yield f"...{elided} frames elided..."
    for frame in outer:
        yield from _lines_of(frame, minor)


def _frame_lines_120(frames: list[Frame]) -> Iterator[str]:
    """Until 1.20: what is visible of the innermost 100, and a remark if that is all of them (gentraceback)."""
    for frame in frames:
        yield from _lines_of(frame, 20)
    if len(frames) == _MAX_WALK_120:
        yield "...additional frames elided..."


def _lines_of(frame: Frame, minor: int) -> Iterator[str]:
    yield f"{print_name(frame.function, minor)}(...)"
    offset = f" +{frame.offset:#x}" if frame.offset > 0 and not frame.inlined else ""
    yield f"\t{frame.file}:{frame.line}{offset}"


def _created_by(goroutine: Goroutine, symbols: Symbols, style: Style) -> Iterator[str]:
    if goroutine["goid"] == 1 or symbols.function_at(goroutine["gopc"]) is None:
        return
    creation = symbols.creation(goroutine["gopc"])
    if (creation.internal or creation.wrapper) and not style.show_runtime:
        return
    parent = f" in goroutine {goroutine['parent']}" if goroutine["parent"] else ""
    name = creation.function if style.minor <= 20 else print_name(creation.function, style.minor)
    yield f"created by {name}{parent}"
    yield f"\t{creation.file}:{creation.line}" + (f" +{creation.offset:#x}" if creation.offset > 0 else "")


def print_name(function: str, minor: int) -> str:
    """Return the name as a traceback prints it: `panic` for runtime.gopanic, type arguments as `[...]`."""
    if function == "runtime.gopanic":
        return "panic"
    start, end = function.find("["), function.rfind("]")
    if start < 0 or end <= start:
        return function
    if minor >= 27:
        return _print_generic_method(function, start, end)
    return f"{function[:start]}[...]{function[end + 1 :]}"


def _print_generic_method(function: str, start: int, end: int) -> str:
    """Since 1.27 a generic method of a generic type has two lists of type arguments: T[…].Method[…]."""
    inside = function[start + 1 : end]
    depth, closed = 1, -1
    for at, char in enumerate(inside):
        depth += {"[": 1, "]": -1}.get(char, 0)
        if depth < 0:
            return function
        if char == "]" and depth == 0:
            closed = at
        if char == "[" and depth == 1:
            return f"{function[:start]}[...]{inside[closed + 1 : at]}[...]{function[end + 1 :]}"
    return f"{function[:start]}[...]{function[end + 1 :]}" if depth == 1 and closed < 0 else function
