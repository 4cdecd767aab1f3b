"""Every key there is, in words."""

from __future__ import annotations

from flarego.cli.terminal.paint import Line, Span

KEYS = (
    ("1 2 3  f  tab", "groups, flame graph, waits and leak suspects"),
    ("arrows  j k", "select"),
    ("page up/down  g G", "a page on, to the first, to the last"),
    ("enter", "groups: the stack; flame graph: zoom into the box"),
    ("backspace  esc", "back"),
    ("/", "filter by function, state, creator; highlight in the flame graph"),
    ("s", "sort groups by count, change, longest wait, CPU"),
    ("i", "show also what is idle by design"),
    ("t", "flame graph by wall time or CPU time"),
    ("space  p", "freeze the picture; watching goes on, nothing is lost"),
    ("w", "write what is kept, up to 15 minutes, as a clip into this folder"),
    ("^L", "paint everything again"),
    ("?  h", "this"),
    ("q  ^C", "quit"),
)


def help_lines() -> list[Line]:
    lines: list[Line] = [[Span("Keys", "bold")], []]
    width = max(len(key) for key, _ in KEYS)
    lines += [[Span(f"  {key:<{width}}  ", "cyan"), Span(text)] for key, text in KEYS]
    notes = (
        "Idle: parked where goroutines wait for work, as when accepting, or between requests.",
        "Waits are as old as flarego has seen them: they may have begun before.",
    )
    return [*lines, [], *([Span(note, "dim")] for note in notes)]
