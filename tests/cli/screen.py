"""A command at a terminal whose screen can be read."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

from cli.running import FLAREGO

TIMEOUT_S = 30


class Watched:
    """A running flarego, and what its terminal shows."""

    def __init__(
        self, *arguments: object, columns: int = 80, rows: int = 24, cwd: Path | None = None, **env: str
    ) -> None:
        self.master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (rows, columns))
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [*FLAREGO, *map(str, arguments)], stdin=self._slave, stdout=self._slave, stderr=self._slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), cwd=cwd,
            env={**os.environ, "PYTHONPATH": "", "TERM": "xterm-256color", **env},
        )  # fmt: skip
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, holds: Callable[[str], object], timeout_s: float = TIMEOUT_S) -> str:
        """Wait until the screen is as wanted, and return it."""
        deadline = time.monotonic() + timeout_s
        while not holds(self.text):
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"the screen stays\n{self.text}"
            self._read()
        return self.text

    def _read(self) -> None:
        data = os.read(self.master, 65536)
        self.raw += data
        self._stream.feed(data)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        termios.tcsetwinsize(self._slave, (rows, columns))

    def end(self) -> int:
        """Wait for the end, reading what is said; return the exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end\n{self.text}"
            if select.select([self.master], [], [], 0.05)[0]:
                self._read()
        while select.select([self.master], [], [], 0)[0]:
            self._read()
        return self.process.returncode

    def is_given_back(self) -> bool:
        """Tell whether the terminal is as it was: its modes, its cursor, its first screen."""
        shown = self.raw.rpartition(b"\x1b[?1049l")
        return termios.tcgetattr(self._slave) == self.before and b"\x1b[?25h" in shown[0][-40:] + shown[2]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)


@contextmanager
def watched(*arguments: object, **options: object) -> Iterator[Watched]:
    running = Watched(*arguments, **options)  # type: ignore[arg-type]
    try:
        yield running
    finally:
        running.close()
