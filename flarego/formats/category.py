"""States in ten categories, each with its colour: the page's own (static/model/category.js, static/paint/colour.js)."""

from __future__ import annotations

import re
from functools import lru_cache

COLOURS = {
    "running": "#7fd9a0",
    "runnable": "#f5db32",
    "syscall": "#de9d31",
    "lock": "#df5a36",
    "chan": "#3d93d8",
    "select": "#d6a6fd",
    "io": "#b4e7fc",
    "sleep": "#9fa3ab",
    "gc": "#b078a0",
    "other": "#f4fcc8",
}
NAMES = {category: category for category in COLOURS} | {"chan": "channel", "io": "I/O", "gc": "runtime"}
_OF_STATE = {"running": "running", "runnable": "runnable", "preempted": "runnable", "syscall": "syscall"}
_OF_REASON = (
    (r"^(sync\.|semacquire|sema|synctest|wait for (lock|wg))", "lock"),
    (r"^chan ", "chan"),
    (r"^select", "select"),
    (r"^(IO wait|netpoll)", "io"),
    (r"^sleep", "sleep"),
    (r"(^|\b)(GC|garbage|force gc|finalizer|cleanup|sweep|scavenge|stop.?the.?world|stopping|flushing|trace|debug call|"
     r"panicwait|dumping|timer goroutine|update GOMAXPROCS|preempt)", "gc"),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern, re.IGNORECASE), category) for pattern, category in _OF_REASON]


@lru_cache(maxsize=1024)
def category_of(state: str, reason: str) -> str:
    """Return the category of a state and wait reason, as the runtime names them."""
    if state != "waiting":
        return _OF_STATE.get(state, "other")
    return next((category for pattern, category in _PATTERNS if pattern.search(reason)), "other")
