"""A taste of fuzz_interop.py: enough executions to catch a reader without bounds, few enough to wait for."""

from __future__ import annotations

import pytest

from fuzz.fuzz_interop import TARGETS, fuzz

RUNS = 1_000


@pytest.mark.parametrize("target", TARGETS)
def test_what_strangers_send_raises_typed_errors_only(target: str) -> None:
    assert fuzz(target, RUNS, seed=20261124) > 0
