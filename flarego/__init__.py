"""FlareGo: what every goroutine of a running process is doing, live, from outside.

A sampler watches a process; from time to time it takes a scan of every goroutine, and in between an on-CPU sample of
those that run; it folds them into rows, weight by state and stack; every 200 ms the rows leave as a chunk; the hub
keeps chunks for the retention time and passes them to subscribers; a window of chunks folds into a flame graph.

For programs: `attach(pid)` returns a GoProcess, `GoSampler` watches one and is drained of `Chunk`s, `Gateway` serves
them to browsers; whatever goes wrong is a FlareError. They are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flarego.errors import FlareError
    from flarego.formats.exporter import Exporter, ExportFailed, Window
    from flarego.gateway.server import Gateway
    from flarego.golang import GoProcess, attach
    from flarego.model.chunk import Chunk
    from flarego.samplers.go import GoSampler

__version__ = "0.1.0"

_HOMES = {
    "Chunk": "flarego.model.chunk",
    "ExportFailed": "flarego.formats.exporter",
    "Exporter": "flarego.formats.exporter",
    "FlareError": "flarego.errors",
    "Gateway": "flarego.gateway.server",
    "GoProcess": "flarego.golang",
    "GoSampler": "flarego.samplers.go",
    "Window": "flarego.formats.exporter",
    "attach": "flarego.golang",
}

__all__ = [
    "Chunk",
    "ExportFailed",
    "Exporter",
    "FlareError",
    "Gateway",
    "GoProcess",
    "GoSampler",
    "Window",
    "__version__",
    "attach",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
