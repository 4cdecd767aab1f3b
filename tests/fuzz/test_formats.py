"""A taste of fuzz_formats.py: enough executions to catch an importer without bounds, few enough to wait for."""

from __future__ import annotations

import pytest

from fuzz.fuzz_formats import TARGETS, fuzz

RUNS = 3_000


@pytest.mark.parametrize("target", TARGETS)
def test_importers_raise_typed_errors_only(target: str) -> None:
    assert fuzz(target, RUNS, seed=20261123) > 0
