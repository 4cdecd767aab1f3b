"""A clip of a real program, for tests that compare what other tools make of it."""

from __future__ import annotations

import time
from pathlib import Path

from flarego import attach
from flarego.model.chunk import ProcessInfo
from flarego.samplers.go import GoSampler
from flarego.wire.clip import ClipWriter

_STEP_S = 0.2


def record(pid: int, path: Path, seconds: float) -> None:
    """Watch a Go process for so long, as a clip."""
    sampler = GoSampler(attach(pid), name="demo", command="demo", started=0.0)
    told: ProcessInfo | None = None
    sampler.start()
    try:
        with path.open("wb") as file:
            writer = ClipWriter(file)
            for _ in range(round(seconds / _STEP_S)):
                time.sleep(_STEP_S)
                chunk = sampler.drain()
                if sampler.info != told:
                    told = sampler.info
                    writer.write(told)
                writer.write(chunk)
            writer.close()
    finally:
        sampler.stop()
