"""The bundled demo: a small Go order service, its builder (`build`) and its launcher (`start`).

The Go source travels as package data and is compiled on first use by the Go toolchain of the `demo`
extra, or by the one on PATH. It is a target like any other: nothing in it knows about flarego.
"""

from flarego.demo.build import build, find_go
from flarego.demo.service import Service, start

__all__ = ["Service", "build", "find_go", "start"]
