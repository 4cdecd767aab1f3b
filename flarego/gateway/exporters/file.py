"""Windows as files in a directory, one folder a namespace, the oldest removed."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from flarego.config.exporter import ExporterSettings
from flarego.errors import FlareError
from flarego.formats.exporter import ExportFailed, Window
from flarego.formats.registry import EXPORTS, exporter
from flarego.model.chunk import ProcessInfo
from flarego.wire.clip import ClipWriter

_CLIP = "fgo"
_OURS = re.compile(r".+-\d{8}T\d{6}\.\d{3}Z\.[a-z.-]+")
_PARTIAL = ".partial"


class BadDirectory(FlareError):
    """A directory that nothing can be written to."""

    usual_remedy = "make it, and let the gateway's user write there"


class FileExporter:
    """Writes each window to a file of its own, complete or not at all."""

    def __init__(self, settings: ExporterSettings, clock: Callable[[], float] = time.time) -> None:
        """Raises BadDirectory."""
        self._settings, self._clock = settings, clock
        self._folder = Path(settings.target)
        self._suffix = f".{_CLIP}" if settings.format == _CLIP else EXPORTS[settings.format].suffixes[0]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise BadDirectory(f"{self._folder}: {e.strerror}") from None
        if not os.access(self._folder, os.W_OK):
            raise BadDirectory(f"{self._folder} cannot be written to")

    def export(self, window: Window) -> None:
        path = self._folder / (window.process.namespace or "default") / self._name(window)
        partial = path.with_name(path.name + _PARTIAL)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                self._write(window, file)
            partial.replace(path)
            self._rotate()
        except OSError as e:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise ExportFailed(f"{path}: {e.strerror or e}") from None

    def close(self) -> None:
        """There is nothing to let go of."""

    def _name(self, window: Window) -> str:
        """Return a name that says of whom and from when it is. Ids of processes are safe in names of files."""
        info = window.process
        began = datetime.fromtimestamp((info.epoch + window.start) / 1e9, UTC)
        return f"{_slug(info)}-{began:%Y%m%dT%H%M%S}.{began.microsecond // 1000:03}Z{self._suffix}"

    def _write(self, window: Window, file: BinaryIO) -> None:
        if self._settings.format != _CLIP:
            exporter(self._settings.format).export(window.recording(), file)
            return
        writer = ClipWriter(file, note="exported by flarego gateway")
        writer.write(window.process)
        for chunk in window.chunks():
            writer.write(chunk)
        writer.close()

    def _rotate(self) -> None:
        """Remove what is too old, and the oldest of what is too much: only files that an exporter has named."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        oldest = self._clock() - self._settings.keep_age if self._settings.keep_age else 0.0
        for changed, size, path in files:
            if changed >= oldest and (not self._settings.keep_bytes or total <= self._settings.keep_bytes):
                return
            path.unlink(missing_ok=True)
            total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob("*/*"):
            if _OURS.fullmatch(path.name.removesuffix(_PARTIAL)) and path.is_file() and not path.is_symlink():
                about = path.stat()
                yield about.st_mtime, about.st_size, path


def _slug(info: ProcessInfo) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", info.name, flags=re.ASCII).strip("-.")[:64] or "process"
    return info.process if info.process.startswith(name) else f"{name}-{info.process}"
