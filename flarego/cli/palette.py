"""The page's colours of states in the sixteen that every terminal has; each state has a code beside its colour."""

from __future__ import annotations

from flarego.formats.category import category_of

COLOURS = {
    "running": "green",
    "runnable": "yellow",
    "syscall": "bright_yellow",
    "lock": "red",
    "chan": "blue",
    "select": "magenta",
    "io": "cyan",
    "sleep": "bright_black",
    "gc": "bright_magenta",
    "other": "white",
}
CODES = {
    "running": "RUN",
    "runnable": "RDY",
    "syscall": "SYS",
    "lock": "LCK",
    "chan": "CHN",
    "select": "SEL",
    "io": "IO",
    "sleep": "SLP",
    "gc": "GC",
    "other": "OTH",
}


def colour_of(state: str, reason: str) -> str:
    return COLOURS[category_of(state, reason)]
