"""Files that verbs write."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from flarego.errors import FlareError


@contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """Open a file to write, `-` for standard output; it appears under its name when it is whole."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{Path(path).name}.", dir=Path(path).resolve().parent)
    except OSError as e:
        raise FlareError(f"cannot write {path}: {e.strerror}", remedy="write to another folder") from None
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        try:
            partial.replace(path)
        except OSError as e:
            raise FlareError(f"cannot write {path}: {e.strerror}", remedy="write to another file") from None
    finally:
        partial.unlink(missing_ok=True)
