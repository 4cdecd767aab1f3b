"""Prometheus' text format: what we write, its own tools read; and no stranger fills anybody's memory."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from flarego.wire.prometheus import MAX_SERIES, OTHER, Counter, Gauge, Registry

DEB = Path(__file__).resolve().parents[1] / ".cache/deb/usr/bin/promtool"


def promtool(text: str) -> str:
    """Return what promtool has to say of a page of metrics; "" for nothing."""
    program = shutil.which("promtool") or (str(DEB) if DEB.exists() else None)
    if program is None:
        pytest.skip("promtool is not here (make test-system)")
    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout + done.stderr


def some() -> Registry:
    registry = Registry()
    registry.counter("flarego_chunks_total", "Chunks.", ["namespace"]).inc("prod", by=3)
    registry.gauge("flarego_size_bytes", "Bytes.").set(1.5)
    lag = registry.histogram("flarego_lag_seconds", 'How "late"\nit is \\.', ["of"], bounds=(0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7):
        lag.observe(seconds, 'a"b\\c\nd')
    return registry


def test_prometheus_own_tool_has_nothing_to_say() -> None:
    assert promtool(some().text()) == ""


def test_what_is_counted_is_what_is_read() -> None:
    read = {family.name: family for family in text_string_to_metric_families(some().text())}
    assert [(s.labels, s.value) for s in read["flarego_chunks"].samples] == [({"namespace": "prod"}, 3.0)]
    assert read["flarego_size_bytes"].samples[0].value == 1.5
    lag = read["flarego_lag_seconds"]
    assert lag.type == "histogram" and lag.documentation == 'How "late"\nit is \\.'
    found = {(s.name.removeprefix("flarego_lag_seconds"), s.labels.get("le")): s.value for s in lag.samples}
    assert found == {("_bucket", "0.1"): 2, ("_bucket", "1"): 3, ("_bucket", "+Inf"): 4, ("_sum", None): 7.65,
                     ("_count", None): 4}  # fmt: skip
    assert lag.samples[0].labels["of"] == 'a"b\\c\nd'


@given(st.text(max_size=50), st.floats())
def test_any_label_and_any_number_come_back(label: str, number: float) -> None:
    registry = Registry()
    registry.gauge("g", "G.", ["x"]).set(number, label)
    text = registry.text()
    if len(f"x{label}x".replace("\n", "").splitlines()) == 1:  # the parser splits lines at more than Go's does
        [family] = text_string_to_metric_families(text)
        [sample] = family.samples
        assert sample.labels["x"] == label
        assert sample.value == number or (math.isnan(number) and math.isnan(sample.value))
    assert len(text.split("\n")) == 4


def test_what_strangers_name_has_a_bound() -> None:
    registry = Registry()
    counter = registry.counter("c_total", "C.", ["name"])
    for i in range(3 * MAX_SERIES):
        counter.inc(f"stranger {i}")
    assert len(list(counter.samples())) == MAX_SERIES + 1
    assert counter.value(OTHER) == 2 * MAX_SERIES
    counter.inc("stranger 1")
    assert counter.value("stranger 1") == 2


def test_a_name_is_one_family() -> None:
    registry = Registry()
    assert registry.counter("c_total", "C.") is registry.counter("c_total", "C.")
    for make in (registry.gauge, registry.histogram):
        with pytest.raises(TypeError):
            make("c_total", "C.")
    with pytest.raises(TypeError):
        registry.counter("c_total", "C.", ["x"])
    with pytest.raises(TypeError):
        registry.counter("d_total", "D.", ["x"]).inc("a", "b")


def test_numbers_kept_elsewhere_are_asked_for_when_somebody_reads() -> None:
    registry, n = Registry(), [0]

    def collect() -> list[Gauge | Counter]:
        n[0] += 1
        gauge = Gauge("kept", "Kept elsewhere.")
        gauge.set(n[0])
        return [gauge]

    registry.collect(collect)
    assert "kept 1\n" in registry.text() and "kept 2\n" in registry.text()


def test_what_is_forgotten_is_told_no_more() -> None:
    gauge = Registry().gauge("g", "G.", ["x"])
    gauge.set(1, "a")
    gauge.forget("a")
    gauge.forget("a")
    assert list(gauge.samples()) == []
