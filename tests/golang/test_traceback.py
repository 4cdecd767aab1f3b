"""Presentation rules of debug=2, one by one; whole dumps against the real thing are in tests/fidelity."""

from __future__ import annotations

import json
from typing import Any

import pytest
from targets import Target, toolchains

from flarego.golang import attach
from flarego.golang.labels import LabelReader
from flarego.golang.symbols import is_internal
from flarego.golang.traceback import Style, call_stack, header, print_name, state_name, visible
from flarego.model.frame import Frame
from flarego.native import Memory, Sampler

REASONS = ["", "GC assist marking", "IO wait", "sleep"]
STYLE = Style(minor=27, reasons=REASONS, now_ns=600_000_000_000)
NO_LABELS = LabelReader(Memory(0), 27)


def goroutine(**values: object) -> Any:
    nothing = dict.fromkeys(("reason", "wait_since", "labels", "parent"), 0)
    return nothing | {"goid": 7, "locked": False, "pcs": ()} | values


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"status": 1}, "goroutine 7 [runnable]:"),
        ({"status": 4, "reason": 3}, "goroutine 7 [sleep]:"),
        ({"status": 0x1004, "reason": 3}, "goroutine 7 [sleep]:"),
        ({"status": 4, "reason": 200}, "goroutine 7 [waiting]:"),
        ({"status": 3, "wait_since": 1}, "goroutine 7 [syscall, 9 minutes]:"),
        ({"status": 2, "wait_since": 1, "locked": True}, "goroutine 7 [running, locked to thread]:"),
        ({"status": 4, "reason": 2, "wait_since": 570_000_000_000}, "goroutine 7 [IO wait]:"),
        ({"status": 10, "reason": 3}, "goroutine 7 [sleep (leaked)]:"),
        ({"status": 77}, "goroutine 7 [???]:"),
    ],
)
def test_headers(values: dict[str, object], line: str) -> None:
    assert header(goroutine(**values), NO_LABELS, STYLE) == line


@pytest.mark.parametrize(
    ("minor", "function", "printed"),
    [
        (27, "runtime.gopanic", "panic"),
        (27, "main.f", "main.f"),
        (26, "main.(*T[go.shape.int]).f", "main.(*T[...]).f"),
        (24, "main.f[map[string][]int]", "main.f[...]"),
        (26, "main.T[a].M[b]", "main.T[...]"),
        (27, "main.T[a].M[b]", "main.T[...].M[...]"),
        (27, "main.T[a[b]].M[c[d]].func1", "main.T[...].M[...].func1"),
        (27, "main.f[a[b]]", "main.f[...]"),
        (27, "main.f]x[", "main.f]x["),
        (27, "main.f[a]]b[c]", "main.f[a]]b[c]"),
    ],
)
def test_names(minor: int, function: str, printed: str) -> None:
    assert print_name(function, minor) == printed


@pytest.mark.parametrize(
    ("minor", "function", "hidden"),
    [
        (27, "runtime.gopark", True),
        (27, "runtime.Gosched", False),
        (27, "runtime.(*Func).Entry", False),
        (22, "runtime.(*Func).Entry", True),
        (27, "runtime.(*timer).Stop", True),
        (27, "runtime.goroutineProfile.Func", True),
        (27, "runtime/debug.Stack", False),
        (27, "internal/runtime/maps.newTable", False),
        (27, "sync.runtime_notifyListWait", False),
        (27, "_rt0_amd64", True),
    ],
)
def test_the_runtimes_own_frames_are_hidden(minor: int, function: str, hidden: bool) -> None:
    assert is_internal(function, minor) is hidden


def frame(function: str, wrapper: bool = False) -> Frame:
    return Frame(function, "f.go", 1, internal=is_internal(function, 27), wrapper=wrapper)


def test_panics_are_shown_within_a_stack_and_wrappers_above_one() -> None:
    stack = [
        frame("runtime.gopanic"),  # innermost: hidden
        frame("main.deferred"),
        frame("main.T.M", wrapper=True),
        frame("main.middle"),
        frame("runtime.gopanic"),
        frame("main.(*T).M", wrapper=True),
        frame("main.main"),
        frame("runtime.main"),
    ]
    shown = [f.function for f in visible(stack)]
    assert shown == ["main.deferred", "main.middle", "runtime.gopanic", "main.(*T).M", "main.main"]


def test_statuses_have_the_runtimes_names() -> None:
    assert [state_name(status, 0, REASONS) for status in (0, 1, 2, 3, 4, 6, 8, 9)] == [
        "idle", "runnable", "running", "syscall", "waiting", "dead", "copystack", "preempted",
    ]  # fmt: skip


@pytest.mark.parametrize("version", toolchains())
def test_labels_are_read_whatever_they_are_kept_in(version: str) -> None:
    with Target("labels", version=version) as target, attach(target.pid) as process:
        truth = json.loads(target.ask("labels"))
        seen = {}
        for goroutine in Sampler(process.memory, process.tables, process.layout).snapshot():
            for call in call_stack(goroutine, process.symbols):
                seen.setdefault(call.function, process.labels.read(goroutine["labels"]))
    assert {name: seen[name] for name in truth} == truth
    assert seen["main.many"] == {f"key{i:02}": f"wert-ä-{i}" for i in range(20)}
