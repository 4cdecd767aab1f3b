"""The live line that a person at a terminal sees below what attach printed."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.status import Status

from flarego.cli.attach import Lines, one_line
from flarego.model.chunk import Chunk, Message

_EVERY_S = 1.0


class StatusLine:
    """Prints the same lines as Lines, and keeps a one-line status under them."""

    def __init__(self, url: str) -> None:
        self._lines = Lines(url)
        self._status = Status("waiting for the first scan", console=Console(stderr=True), spinner="dots")
        self._due = 0.0

    def __enter__(self) -> StatusLine:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._status.stop()

    def hear(self, message: Message) -> None:
        if isinstance(message, Chunk):
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + _EVERY_S
                self._status.update(one_line(message))
        else:
            self._status.stop()
            self._lines.hear(message)
            self._status.start()
