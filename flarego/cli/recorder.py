"""A clip being recorded: a file that is not overwritten unasked, and that is complete whatever ends the recording."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from flarego.errors import FlareError
from flarego.model.chunk import Chunk, Message
from flarego.wire.clip import ClipWriteFailed, ClipWriter


class Recorder:
    """Writes what it hears into a new clip; a context manager. After a failure it hears no more, and says why."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Create the file. Raises FlareError when it cannot be, or is there already and force is not given."""
        self.path = path
        self.problem: ClipWriteFailed | None = None
        self.span = 0
        """Time recorded, ns."""
        self.chunks = 0
        try:
            self._file = path.open("wb" if force else "xb")
            self._writer = ClipWriter(self._file)
        except FileExistsError:
            raise FlareError(f"{path} is there already", remedy="choose another name, or add --force") from None
        except OSError as e:
            raise FlareError(f"{path} cannot be written: {e.strerror}", remedy="record to another place") from None

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.size

    def hear(self, message: Message) -> None:
        if self.problem is not None:
            return
        try:
            self._writer.write(message)
        except ClipWriteFailed as e:
            self.problem = e
        else:
            if isinstance(message, Chunk):
                self.span += message.end - message.start
                self.chunks += 1

    def close(self) -> None:
        """Finish the clip. Raises nothing: see `problem`."""
        try:
            self._writer.close()
        except ClipWriteFailed as e:
            self.problem = self.problem or e
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if not self.chunks and self.problem is None and self.path.is_file():
            self.path.unlink()  # an empty clip is of no use to anybody
