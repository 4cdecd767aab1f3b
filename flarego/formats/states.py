"""What a goroutine is doing, read from where it stands: profiles of others do not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from flarego.model.chunk import STATES

_T = TypeVar("_T")
_PARKS = frozenset({"runtime.gopark", "runtime.goparkunlock", "runtime.semacquire1", "runtime.goready"})
_REASONS = (
    (r"runtime\.chanrecv[12]?", "chan receive"),
    (r"runtime\.chansend1?", "chan send"),
    (r"runtime\.selectgo", "select"),
    (r"runtime\.block", "select (no cases)"),
    (r"time\.Sleep|runtime\.timeSleep", "sleep"),
    (r"internal/poll\.runtime_pollWait|runtime\.netpollblock", "IO wait"),
    (r"sync\.\(\*Mutex\)\.(Lock|lockSlow)|internal/sync\.\(\*Mutex\)\.\w+|(internal/)?sync\.runtime_SemacquireMutex",
     "sync.Mutex.Lock"),
    (r"sync\.\(\*RWMutex\)\.RLock|sync\.runtime_SemacquireRWMutexR", "sync.RWMutex.RLock"),
    (r"sync\.\(\*RWMutex\)\.Lock|sync\.runtime_SemacquireRWMutex", "sync.RWMutex.Lock"),
    (r"sync\.\(\*WaitGroup\)\.Wait|sync\.runtime_SemacquireWaitGroup", "sync.WaitGroup.Wait"),
    (r"sync\.\(\*Cond\)\.Wait|sync\.runtime_notifyListWait", "sync.Cond.Wait"),
    (r"(sync|internal/poll)\.runtime_Semacquire", "semacquire"),
    (r"sync\.\(\*(RW)?Mutex\)\.R?Unlock", "sync.Mutex.Lock"),  # a mutex profile: who kept the others waiting
    (r"runtime\.gcBgMarkWorker", "GC worker (idle)"),
    (r"runtime\.bgsweep", "GC sweep wait"),
    (r"runtime\.bgscavenge", "GC scavenge wait"),
    (r"runtime\.forcegchelper", "force gc (idle)"),
    (r"runtime\.runfinq|runtime\.runFinalizers", "finalizer wait"),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern), reason) for pattern, reason in _REASONS]
_SYSCALL = re.compile(r"(internal/runtime/)?syscall\.(raw)?[Ss]yscall\w*|runtime\.cgocall|runtime\.notetsleepg|"
                      r"internal/runtime/syscall(/linux)?\.Syscall6|os/signal\.signal_recv")  # fmt: skip
_ITSELF = re.compile(r"runtime\.(pprof_)?goroutineProfileWithLabels\w*|runtime/pprof\.runtime_goroutineProfile\w*")
"""Whoever takes the profile runs."""
_TELLING = ("runtime", "sync", "internal/", "time.", "syscall.", "os/signal.")
"""What all these functions begin with: most do not, and need not be looked at any closer."""
_NEAR = 8
"""Frames from the innermost one within which a goroutine says what it waits for."""


def guess(functions: Iterable[str]) -> tuple[str, str]:
    """Return state and wait reason of a goroutine by its functions, innermost first: ("other", "") when they tell none.

    A parked goroutine stands in runtime.gopark, called by what it waits for.
    """
    near = [name for name, _ in zip(functions, range(_NEAR), strict=False)]
    for name in near:
        if name.startswith(_TELLING) and (found := _told_by(name)):
            return found
        if name not in _PARKS and not name.startswith(("runtime.", "sync.", "internal/", "time.")):
            break
    return ("waiting", "") if _PARKS.intersection(near) else ("other", "")


@lru_cache(maxsize=4096)
def _told_by(function: str) -> tuple[str, str] | None:
    for pattern, reason in _PATTERNS:
        if pattern.fullmatch(function):
            return "waiting", reason
    if _ITSELF.fullmatch(function):
        return "running", ""
    return ("syscall", "") if _SYSCALL.fullmatch(function) else None


def is_internal(function: str) -> bool:
    """Tell whether tracebacks hide a function: it is the runtime's and not exported."""
    name = function.removeprefix("runtime.")
    return name != function and not name[:1].isupper()


def lane(state: str, reason: str) -> str:
    """Return what a state and wait reason are called together: `waiting: chan receive`."""
    return f"{state}: {reason}" if reason else state


def from_lane(text: str) -> tuple[str, str] | None:
    """Return the state and reason that `lane` made this text of, or None when it did not."""
    state, _, reason = text.partition(": ")
    return (state, reason) if state in STATES else None


def state_frame(state: str, reason: str) -> str:
    """Return the frame that stands for a state where a format has none: `[waiting: chan receive]`."""
    return f"[{lane(state, reason)}]"


def from_frame(function: str) -> tuple[str, str] | None:
    """Return the state and reason that `state_frame` made this function of, or None when it did not."""
    return from_lane(function[1:-1]) if function[:1] == "[" and function[-1:] == "]" else None


def take_state(stack: Sequence[_T], name: Callable[[_T], str]) -> tuple[Sequence[_T], tuple[str, str]]:
    """Return a stack without the frame it begins or ends with that says its state, and the state; guessed without."""
    if stack and (found := from_frame(name(stack[0]))):
        return stack[1:], found
    if stack and (found := from_frame(name(stack[-1]))):
        return stack[:-1], found
    return stack, guess(name(frame) for frame in reversed(stack))
