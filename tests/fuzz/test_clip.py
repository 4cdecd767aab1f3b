"""A taste of fuzz_clip.py, as test_formats.py is of fuzz_formats.py."""

from __future__ import annotations

import pytest

from fuzz.fuzz_clip import TARGETS, run
from fuzz.fuzz_formats import fuzz

RUNS = 700


@pytest.mark.parametrize("target", TARGETS)
def test_the_reader_of_clips_raises_typed_errors_only(target: str) -> None:
    assert fuzz(target, RUNS, seed=20261123, run=run) > 0
