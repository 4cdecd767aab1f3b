"""A taste of fuzz_api.py: enough questions to catch an answer nobody described, few enough to wait for."""

from __future__ import annotations

from fuzz.fuzz_api import fuzz, served

RUNS = 15


def test_the_api_answers_as_it_is_described_whatever_it_is_asked() -> None:
    with served() as there:
        assert fuzz(there, RUNS, number=20261124) > RUNS
