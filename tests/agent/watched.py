"""Real processes to watch, and a sampler that needs no Go: it counts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wire.streams import INFO

from flarego.model.chunk import Chunk, ProcessInfo

INTERVAL_NS = 200_000_000


class Counting:
    """A Sampler of any process. `failure` is raised by the drain after the next `good` ones."""

    def __init__(self, pid: int, failure: Exception | None = None, good: int = 1) -> None:
        self.info: ProcessInfo = replace(INFO, pid=pid, process=f"{pid}-1", name="child")
        self.failure = failure
        self.good = good
        self.drained = self.renewed = 0

    def start(self) -> None: ...

    def drain(self) -> Chunk:
        if self.failure is not None and self.drained >= self.good:
            raise self.failure
        n, self.drained = self.drained, self.drained + 1
        return Chunk(self.info.process, 0, n, n * INTERVAL_NS, (n + 1) * INTERVAL_NS, strings=[""] if n == 0 else [])

    def renew(self) -> None:
        self.renewed += 1

    def stop(self) -> None: ...


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child with a pipe to its stdin; ended in any case."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_named(pid: int, name: str) -> None:
    """Wait until the process runs the program of that name."""
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/comm").read_text().strip() != name:
        assert time.monotonic() < deadline, f"{pid} did not become {name}"
        time.sleep(0.005)
