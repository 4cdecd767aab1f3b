"""The C core: reads another process's memory, walks Go stacks and adds up weights, without the GIL.

C reads other people's memory fast; Python understands it. The files that read and walk memory never include
Python.h: they compile unchanged into fuzzers and sanitizer builds (tests/fuzz).
"""

from typing import TYPE_CHECKING

from flarego.native._core import (
    LAYOUT_FIELDS,
    SPECIAL_FUNCTIONS,
    Book,
    Function,
    Memory,
    Numbers,
    RowTable,
    Sampler,
    Tables,
    rip_targets,
)

if TYPE_CHECKING:
    from flarego.native._core import Drain as Drain
    from flarego.native._core import Goroutine as Goroutine
    from flarego.native._core import Module as Module

__all__ = [
    "LAYOUT_FIELDS",
    "SPECIAL_FUNCTIONS",
    "Book",
    "Function",
    "Memory",
    "Numbers",
    "RowTable",
    "Sampler",
    "Tables",
    "rip_targets",
]
