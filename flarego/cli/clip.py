"""Clips that a user named."""

from __future__ import annotations

import os

from flarego.wire.clip import Clip, ClipError


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """Open a clip. Raises ClipError, which says which file it is about."""
    try:
        return Clip.open(path)
    except ClipError as e:
        if os.fspath(path) not in e.message:
            e.message = f"{os.fspath(path)}: {e.message}"
        raise
