"""A clip being recorded: a file that is not overwritten unasked, and that is complete whatever ends the recording."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from types import TracebackType
from typing import Self

from flarego.errors import FlareError
from flarego.model.chunk import Chunk, Message
from flarego.wire.clip import ClipWriteFailed, ClipWriter

_BEHIND = 300
"""Messages a disk may be behind by before we give it up: a minute."""
_PATIENCE_S = 10.0
"""How long we wait for it in the end."""


class Recorder:
    """Writes what it hears into a new clip; a context manager. After a failure it hears no more, and says why.

    A thread of its own writes: a disk that hangs stops nobody else.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Create the file. Raises FlareError when it cannot be, or is there already and force is not given."""
        self.path = path
        self.problem: ClipWriteFailed | None = None
        self._told = False
        self.span = 0
        """Time recorded, ns."""
        self.chunks = 0
        try:
            self._file = path.open("wb" if force else "xb")
        except FileExistsError:
            raise FlareError(f"{path} is there already", remedy="choose another name, or add --force") from None
        except OSError as e:
            raise FlareError(f"{path} cannot be written: {e.strerror}", remedy="record to another place") from None
        self._writer = ClipWriter(self._file)
        self._queue: Queue[Message | None] = Queue(_BEHIND)
        self._thread = Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.size

    def hear(self, message: Message) -> ClipWriteFailed | None:
        """Take a message; never waits. Returns the problem, the first time that there is one."""
        if self._told:
            return None
        try:
            if self.problem is None:
                self._queue.put_nowait(message)
        except Full:
            self.problem = ClipWriteFailed("the clip could not be written: the disk is too slow")
        self._told = self.problem is not None
        return self.problem

    def _write(self) -> None:
        """Write until there is nothing more to come; in the thread."""
        try:
            while (message := self._queue.get()) is not None:
                self._writer.write(message)
                if isinstance(message, Chunk):
                    self.span += message.end - message.start
                    self.chunks += 1
            self._writer.close()
        except ClipWriteFailed as e:
            self.problem = self.problem or e
        except ValueError as e:
            self.problem = ClipWriteFailed(f"the clip could not be written: {e}", remedy="please report this")

    def close(self) -> None:
        """Finish the clip. Raises nothing: see `problem`."""
        with suppress(Full):
            self._queue.put(None, self._thread.is_alive(), _PATIENCE_S)
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            self.problem = self.problem or ClipWriteFailed("the clip could not be finished: the disk does not answer")
            return
        try:
            self._file.close()
        except OSError as e:  # what was buffered did not reach the disk
            self.problem = self.problem or ClipWriteFailed(f"the clip could not be written: {e.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if not self.chunks and self.problem is None and self.path.is_file():
            self.path.unlink()  # an empty clip is of no use to anybody
