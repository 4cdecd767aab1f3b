"""What a person reads while attach runs: who is watched, how, and where to look."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Protocol

import click

from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo

_EVERY_S = 1.0


class Reporter(Protocol):
    """Hears every message and tells a person some of it."""

    def hear(self, message: Message) -> None: ...


def report(url: str) -> AbstractContextManager[Reporter]:
    """Return what tells a person; with a live line when there is a terminal."""
    return StatusLine(Lines(url)) if sys.stderr.isatty() else nullcontext(Lines(url))


class Lines:
    """Prints the target, the engine when it changes, and the URL once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = ("", "")

    def hear(self, message: Message) -> None:
        if isinstance(message, ProcessInfo) and message.engine != "auto":  # the first scan has decided
            self._introduce(message)

    def _introduce(self, info: ProcessInfo) -> None:
        if not self._engine[0]:
            click.echo(f"attached to {describe(info)}")
        if (info.engine, info.engine_why) != self._engine:
            self._engine = (info.engine, info.engine_why)
            why = f" ({info.engine_why})" if info.engine_why else ""
            click.echo(f"engine      {info.engine}{why}")
        if self._url:
            click.echo(f"dashboard   {self._url}")
            self._url = ""


class StatusLine:
    """Prints the same lines, and keeps one more under them that is always new."""

    def __init__(self, lines: Lines) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines = lines
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
        self._due = time.monotonic() + _EVERY_S
        self._cost = self._span = 0.0

    def __enter__(self) -> StatusLine:
        self._live.start()
        self._show("waiting for the first scan")
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def hear(self, message: Message) -> None:
        if isinstance(message, Chunk):
            self._add(message)
            return
        self._live.stop()
        self._lines.hear(message)
        if not isinstance(message, Gone):
            self._live.start()

    def _add(self, chunk: Chunk) -> None:
        """Show the newest numbers, and the cost since they were shown last."""
        self._cost += chunk.sampler["cpu"] * (chunk.end - chunk.start)
        self._span += chunk.end - chunk.start
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _EVERY_S
            self._show(one_line(chunk, self._cost / max(self._span, 1.0)))
            self._cost = self._span = 0.0

    def _show(self, line: str) -> None:
        from rich.text import Text

        self._live.update(Text(line, "dim", no_wrap=True, overflow="ellipsis"), refresh=True)


def describe(info: ProcessInfo) -> str:
    module = f", {info.module}" if info.module else ""
    return f"{info.name} (pid {info.pid}), {info.runtime_version}{module}"


def one_line(chunk: Chunk, cost: float) -> str:
    """Return a chunk's most wanted numbers in less than 80 columns. cost: a fraction of one core."""
    series, sampler = chunk.series, chunk.sampler
    states = ("running", "runnable", "syscall", "waiting")
    counts = "  ".join(f"{series.get(f'goroutines.{state}', 0):.0f} {state}" for state in states)
    rates = f"scan {sampler['scan_hz']:.0f}/s  CPU {sampler['oncpu_hz']:.0f}/s"
    return f"{counts} | {rates}  cost {100 * cost:.1f}%"
