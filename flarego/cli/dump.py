"""`flarego dump`: one snapshot of every goroutine."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flarego.agent.enter import attach_to, stays_itself
from flarego.agent.find import check_machine
from flarego.cli.options import Target, json_option, takes_target
from flarego.golang import GoProcess
from flarego.golang.traceback import Style, call_stack, format_dump, is_system, state_name, visible
from flarego.native import Sampler

if TYPE_CHECKING:
    from flarego.native import Goroutine

_WAIT_KINDS = ("", "channel", "semaphore", "cond", "poll", "timer")
_POLL = 4
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@click.command()
@takes_target(required=True)
@json_option
@click.option("--runtime", is_flag=True, help="Also the runtime's own frames, which tracebacks hide.")
@click.option("--system", is_flag=True, help="Also the runtime's own goroutines, which tracebacks hide.")
def command(target: Target, as_json: bool, runtime: bool, system: bool) -> None:
    """Print every goroutine once, in the layout of Go's own debug=2 text, without stopping the process."""
    check_machine()
    found = target.find()
    with attach_to(found) as process:
        with stays_itself(found):
            goroutines = snapshot(process)
            shown = [g for g in goroutines if system or not is_system(g, process.symbols)]
            text = _as_json(shown, process, runtime) if as_json else _as_text(shown, process, runtime)
        _write(text)


def _as_json(goroutines: list[Goroutine], process: GoProcess, runtime: bool) -> Iterable[str]:
    """One text for each goroutine: the objects of 100,000 of them would be 2 GB, their texts are a tenth."""
    objects = [json.dumps(to_json(g, process, runtime)) for g in goroutines]
    return ["[\n", *(text + ",\n" for text in objects[:-1]), *objects[-1:], "\n]\n"]


def _as_text(goroutines: list[Goroutine], process: GoProcess, runtime: bool) -> Iterable[str]:
    style = Style(
        minor=process.minor,
        reasons=process.reasons,
        now_ns=time.monotonic_ns(),
        show_runtime=runtime,
        show_system=True,
        show_labels=process.traces_labels,
    )
    return list(format_dump(goroutines, process.symbols, process.labels, style))


def _write(text: Iterable[str]) -> None:
    """Write as it is, but let nothing in it control a terminal."""
    terminal = sys.stdout.isatty()
    for part in text:
        sys.stdout.write(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", part) if terminal else part)


def snapshot(process: GoProcess) -> list[Goroutine]:
    """Return every live goroutine, the one that has run longest first, as tracebacks list them."""
    sampler = Sampler(process.memory, process.tables, process.layout, engine="memory")
    return sampler.snapshot()


def to_json(g: Goroutine, process: GoProcess, runtime: bool) -> dict[str, Any]:
    """Return what there is to know about a goroutine; durations in ns, null when not known."""
    symbols = process.symbols
    stack = call_stack(g, symbols)
    now = time.monotonic_ns()
    return {
        "id": g["goid"],
        "state": state_name(g["status"], g["reason"], process.reasons),
        "waited_ns": now - g["wait_since"] if g["wait_since"] else None,
        "waits_on": _waits_on(g, process),
        "sleeps_for_ns": max(g["sleep_until"] - now, 0) if _WAIT_KINDS[g["wait_kind"]] == "timer" else None,
        "created_by": _frame(symbols.creation(g["gopc"])) if g["gopc"] and g["goid"] != 1 else None,
        "parent": g["parent"] or None,
        "entry": _frame(symbols.entry(g["startpc"])) if g["startpc"] else None,
        "labels": process.labels.read(g["labels"]),
        "locked_to_thread": g["locked"],
        "thread": g["thread"] or None,
        "system": is_system(g, symbols),
        "complete": g["complete"],
        "frames": [_frame(frame) for frame in (stack if runtime else visible(stack))],
    }


def _frame(frame: Any) -> dict[str, Any]:
    return {"function": frame.function, "file": frame.file, "line": frame.line, "inlined": frame.inlined}


def _waits_on(g: Goroutine, process: GoProcess) -> Mapping[str, Any] | None:
    if g["wait_kind"] == 0:
        return None
    found: dict[str, Any] = {"kind": _WAIT_KINDS[g["wait_kind"]], "address": f"{g['wait_address']:#x}"}
    if g["wait_kind"] == _POLL:
        found |= _descriptor(process, g["wait_address"])
    return found


def _descriptor(process: GoProcess, poll_desc: int) -> dict[str, Any]:
    """The file descriptor that a pollDesc stands for, and what it is."""
    raw = process.memory.read_some(poll_desc + process.layout["pollDesc.fd"], 8)
    fd = int.from_bytes(raw, "little")
    if len(raw) < 8 or fd >= 1 << 31:
        return {}
    try:
        return {"fd": fd, "file": str(Path(f"/proc/{process.pid}/fd/{fd}").readlink())}
    except OSError:
        return {"fd": fd}
