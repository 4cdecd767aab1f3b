"""The vocabulary: plain, immutable, and free of everything above it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from flarego.model.chunk import STATES, Chunk, Gap


def test_messages_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Gap("p", 1, 2).first = 0  # type: ignore[misc]


def test_chunks_share_no_defaults() -> None:
    assert Chunk("p", 0, 0, 0, 1).rows is not Chunk("p", 0, 1, 1, 2).rows


def test_states_are_in_the_order_that_travels() -> None:
    assert STATES == ("running", "runnable", "syscall", "waiting", "preempted", "other")


def test_the_model_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, flarego.model.chunk, flarego.model.frame;"
        "print(*{name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= {"flarego", "__main__"}
