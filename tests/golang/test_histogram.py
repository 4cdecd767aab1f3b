"""The scheduling-latency histogram: bounds as runtime/histogram.go files durations, quantiles of what was added."""

from __future__ import annotations

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from flarego.golang.histogram import LatencyHistogram, bucket_bounds
from flarego.golang.layout import release_for

N_COUNTS = {"go1.19.8": 720, "go1.27.3": 160}


def index_119(duration: int) -> int:
    """Where Go 1.19 counts a duration."""
    if duration < 16:
        return duration
    bucket = duration.bit_length() - 4
    return bucket * 16 + (duration >> (bucket - 1)) % 16


def index(duration: int) -> int:
    """Where Go 1.20 and later count one."""
    bits = max(duration.bit_length(), 9)
    bucket = 0 if duration.bit_length() < 9 else bits - 9 + 1
    return bucket * 4 + (duration >> (bits - 1 - 2)) % 4


@given(st.integers(0, (1 << 46) - 1))
def test_every_duration_lies_within_its_bucket(duration: int) -> None:
    for n_counts, where in ((720, index_119), (160, index)):
        low, high = bucket_bounds(n_counts)[where(duration)]
        assert low <= duration < high


def test_buckets_follow_each_other_without_gaps() -> None:
    for n_counts in (160, 720):
        bounds = bucket_bounds(n_counts)
        assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))


def test_shapes_have_the_counters_that_are_expected() -> None:
    for version, n_counts in N_COUNTS.items():
        assert release_for(version).shape("timeHistogram").fields["counts"].size == 8 * n_counts


def test_quantiles_are_of_what_was_added_since() -> None:
    histogram = LatencyHistogram(release_for("go1.27.3").shape("timeHistogram"))
    old, new = [0] * 162, [0] * 162
    old[index(1_000_000)] = 10_000  # long ago; must not count
    new[index(1_000_000)] = 10_001
    new[index(1_000)] = 99
    pack = struct.Struct("<162Q").pack
    assert histogram.update(pack(*old), (0.5,)) == []
    median, worst = histogram.update(pack(*new), (0.5, 0.999))
    assert 1_000 * 0.75 <= median <= 1_000 * 1.25
    assert 1_000_000 * 0.75 <= worst <= 1_000_000 * 1.25
    assert histogram.update(pack(*new), (0.5,)) == []
