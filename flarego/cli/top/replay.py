"""A clip told to top: its last minutes, whole generations, as if they had just been seen."""

from __future__ import annotations

from pathlib import Path

from flarego.cli.clip import open_clip
from flarego.cli.top.book import Book
from flarego.errors import FlareError
from flarego.model.chunk import Chunk

LAST_NS = 180_000_000_000


def tell(path: Path, book: Book) -> None:
    """Let the book hear the end of the clip's first process. Raises ClipError, BadRows."""
    with open_clip(path) as clip:
        if not clip.processes:
            raise FlareError(f"{path} holds no recording", remedy="`flarego record` makes one")
        info = clip.processes[0]
        _, end = clip.span(info.process)
        book.hear(info)
        for message in clip.messages(info.process, max(end - LAST_NS, 0)):
            if isinstance(message, Chunk):
                book.hear(message)
