"""Clips: generations of the stream in a file, with a header and an index. The format is CLIP.md's."""

from flarego.wire.clip.reader import Clip
from flarego.wire.clip.records import ClipError, ClipTooNew
from flarego.wire.clip.writer import ClipWriteFailed, ClipWriter

__all__ = ["Clip", "ClipError", "ClipTooNew", "ClipWriteFailed", "ClipWriter"]
