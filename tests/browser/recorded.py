"""Clips of the synthetic process, written by the real writer."""

from __future__ import annotations

from pathlib import Path

from browser.synthetic import Kind, Source, messages
from flarego.wire.clip import ClipWriter
from flarego.wire.codec import decode


def record(path: Path, seconds: float, *, kinds: list[Kind] | None = None) -> Path:
    """Write a clip of that many seconds, and return where it is."""
    source = Source() if kinds is None else Source(kinds=kinds)
    with path.open("wb") as file:
        writer = ClipWriter(file)
        for packed in messages(source, seconds):
            message = decode(packed)
            assert message is not None
            writer.write(message)
        writer.close()
    return path
