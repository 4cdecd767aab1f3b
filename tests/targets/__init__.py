"""Real Go programs, each showing one situation: `build` compiles them, `process` runs them."""

from targets.build import build, toolchains
from targets.process import Target

__all__ = ["Target", "build", "toolchains"]
