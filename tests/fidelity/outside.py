"""Goroutines as flarego sees them: in this process, again and again, or through the command line, once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from types import TracebackType

from bench.common import FLAREGO

from fidelity.compare import Report, Round, compare
from fidelity.text import Goroutine, parse
from flarego.golang import attach
from flarego.golang.traceback import Style, format_dump
from flarego.native import Sampler


class Observer:
    """An attachment to a process, through which it can be seen more than once."""

    def __init__(self, pid: int) -> None:
        self._process = attach(pid)
        process = self._process
        self._sampler = Sampler(process.memory, process.tables, process.layout, engine="memory")
        self._sampler.set_system(process.system_starts)

    def see(self) -> Callable[[], dict[int, Goroutine]]:
        """Look now, and return what reads what was seen: that takes longer, and can wait."""
        process, now = self._process, time.monotonic_ns()
        snapshot = self._sampler.snapshot()
        style = Style(process.minor, process.reasons, now)
        return lambda: parse("".join(format_dump(snapshot, process.symbols, process.labels, style)))

    def __enter__(self) -> Observer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close()


def dump(pid: int) -> Callable[[], dict[int, Goroutine]]:
    """Return what reads the output of `flarego dump`."""
    done = subprocess.run(
        [*FLAREGO, "dump", "--pid", str(pid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return lambda: parse(done.stdout)


def observe(
    truth: Callable[[], str], see: Callable[[], Callable[[], dict[int, Goroutine]]], *, times: int = 1
) -> Report:
    """Compare what is seen with what the process says just before and after, so many times.

    Nothing is read between looking: the less time passes, the fewer goroutines go and come back.
    """
    looks = [(truth(), see(), truth()) for _ in range(times)]
    return compare([Round(parse(before), seen(), parse(after)) for before, seen, after in looks])
