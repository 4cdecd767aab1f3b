"""A taste of fuzz_ingest.py."""

from __future__ import annotations

from fuzz.fuzz_ingest import fuzz


def test_what_agents_send_raises_typed_errors_only() -> None:
    assert fuzz(6_000, seed=20261124) > 100
