"""On-CPU shares agree with the process's own CPU profile."""

from __future__ import annotations

import pytest
from bench.common import Attached, Stream
from targets import Target, toolchains

from fidelity.oncpu import average, largest_difference, measure_shares

BAR = 2.0
ROUNDS = 2


@pytest.mark.parametrize("version", sorted({toolchains()[0], toolchains()[-1]}))
def test_flat_shares_are_within_two_points_of_the_processes_own(version: str) -> None:
    with (
        Target("burner", version=version) as target,
        Attached(target.pid, "--budget", "5") as attached,
        Stream(attached.url) as stream,
    ):
        rounds = measure_shares(target, stream, 10, ROUNDS)
    own, seen = map(average, zip(*rounds, strict=True))
    assert largest_difference(own, seen) <= BAR, (own, seen)
