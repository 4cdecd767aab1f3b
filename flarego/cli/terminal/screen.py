"""The terminal itself: taken over, written to without ever waiting for it, and given back whatever happens."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from flarego.cli.terminal.keys import keys
from flarego.cli.terminal.paint import Line, Painter

_TAKE = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""The alternate screen, no cursor, no wrapping."""
_GIVE_BACK = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_PATIENCE_S = 0.5


class Screen:
    """A context manager. Keys go to `on_key`, by name; `on_resize` is for whoever has to paint again."""

    def __init__(self, on_key: Callable[[str], None], on_resize: Callable[[], None]) -> None:
        self._on_key, self._on_resize = on_key, on_resize
        self._painter = Painter(colour=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
        self._pending = b""
        self._saved: list[Any] = []
        self.written = 0
        """Bytes."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return columns or 80, rows or 24

    def __enter__(self) -> Self:
        # A description of our own: one that does not wait must not be the shell's, too.
        self._fd = os.open(os.ttyname(sys.stdout.fileno()), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._saved = termios.tcgetattr(self._fd)
        self.resume()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.suspend()
        os.close(self._fd)

    def resume(self) -> None:
        """Take the terminal over."""
        import signal

        loop = asyncio.get_running_loop()
        tty.setcbreak(self._fd)
        loop.add_reader(self._fd, self._read)
        loop.add_signal_handler(signal.SIGWINCH, self._on_resize)
        self._painter.forget()
        self._write(_TAKE)

    def suspend(self) -> None:
        """Give the terminal back as it was."""
        import signal

        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGWINCH)
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        self._finish(self._pending + _GIVE_BACK)
        self._pending = b""
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
        except termios.error:  # hung up
            return

    def show(self, lines: Iterable[Line]) -> bool:
        """Put lines on the screen. False when the terminal has not taken the last ones yet: it is slow, try later."""
        if self._pending:
            return False
        self._write(self._painter.paint(lines, *self.size))
        return True

    def forget(self) -> None:
        """Paint everything next time: something else may have written on the screen."""
        self._painter.forget()

    def _write(self, data: bytes) -> None:
        self._pending += data
        self._flush()
        if self._pending:
            asyncio.get_running_loop().add_writer(self._fd, self._flush)

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._pending) if self._pending else 0
        except BlockingIOError:
            return
        except OSError:  # hung up; SIGHUP ends us
            sent = len(self._pending)
        self.written += sent
        self._pending = self._pending[sent:]
        if not self._pending:
            asyncio.get_running_loop().remove_writer(self._fd)

    def _finish(self, data: bytes) -> None:
        """Write, and wait a little for a terminal that is slow."""
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                if not select.select([], [self._fd], [], _PATIENCE_S)[1]:
                    return
            except OSError:
                return

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # hung up
            asyncio.get_running_loop().remove_reader(self._fd)
            self._on_key("q")
            return
        for key in keys(data):
            self._on_key(key)
