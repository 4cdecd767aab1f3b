"""The Go sampler on real Go processes: what it adds up is what they do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from targets import Target

from flarego.errors import ProcessGone
from flarego.samplers import go
from flarego.wire.codec import decode, encode
from samplers.reading import Reader, drains, watch

STALE = 1


def test_every_goroutine_counts_for_the_time_that_passed() -> None:
    with Target("many", "-n", 500) as target:
        sampler = watch(target.pid)
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        reader.rows(sampler.drain())
        for chunk in drains(sampler, 2):
            rows = reader.rows(chunk)
            goroutines = sum(row.count for row in rows)
            wall = sum(row.wall for row in rows)
            assert goroutines >= 500
            assert wall == pytest.approx(goroutines * (chunk.end - chunk.start), rel=0.02)
        sampler.stop()


def test_counts_in_series_are_those_of_the_rows_and_of_the_runtime() -> None:
    with Target("many", "-n", 300) as target:
        sampler = watch(target.pid)
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        reader.rows(sampler.drain())
        *_, last = ((chunk, reader.rows(chunk)) for chunk in drains(sampler, 1))
        chunk, rows = last
        by_state: Counter[str] = Counter()
        for row in rows:
            by_state["system" if row.group["system"] else row.state] += row.count
        for name, count in by_state.items():
            assert chunk.series[f"goroutines.{name}"] == count
        users = sum(v for k, v in chunk.series.items() if k.startswith("goroutines.") and k.split(".")[1] in by_state)
        assert users - by_state["system"] == f"\n{target.goroutines()}".count("\ngoroutine ")
        sampler.stop()


def test_a_generation_begins_afresh_and_can_be_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "GENERATION_NS", 600_000_000)
    with Target("states") as target:
        sampler = watch(target.pid)
        sampler.start()
        chunks = [sampler.drain(), *drains(sampler, 2)]
        sampler.stop()
    generations = sorted({chunk.generation for chunk in chunks})
    assert len(generations) >= 3
    pictures = []
    for generation in generations[:-1]:
        reader = Reader(list(sampler.info.reasons))
        seen = [row for c in chunks if c.generation == generation for row in reader.rows(c)]
        pictures.append({(row.stack, row.state, row.reason) for row in seen if row.state == "waiting"})
    assert pictures[0] and pictures[0] == pictures[1]


def test_chunks_survive_the_wire() -> None:
    with Target("states") as target:
        sampler = watch(target.pid)
        sampler.start()
        for chunk in drains(sampler, 1.5):
            assert decode(encode(chunk)) == chunk
        assert decode(encode(sampler.info)) == sampler.info
        sampler.stop()


def test_a_wait_grows_from_when_it_was_first_seen() -> None:
    with Target("many", "-n", 50) as target:
        sampler = watch(target.pid)
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        longest = []
        for chunk in drains(sampler, 3):
            parked = [row for row in reader.rows(chunk) if row.state == "waiting" and not row.group["system"]]
            longest.append(max(parked, key=lambda row: row.count).wait)
        sampler.stop()
    assert longest == sorted(longest)
    assert 1e9 < longest[-1] < 3.2e9


@pytest.mark.parametrize("engine", ["perf", "ptrace"])
def test_cpu_time_is_what_the_process_used(engine: str) -> None:
    with Target("burner") as target:
        sampler = watch(target.pid, engine=engine, budget=0.05)
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        reader.rows(sampler.drain())
        if sampler.info.engine != engine:
            pytest.skip(f"no {engine} here: {sampler.info.engine_why}")
        total, burning = 0.0, 0.0
        chunks = list(drains(sampler, 4))
        span = chunks[-1].end - chunks[0].start
        for chunk in chunks:
            for row in reader.rows(chunk):
                total += row.cpu
                burning += row.cpu if any("burn" in f or "main." in f for f in row.stack) else 0
        sampler.stop()
    assert 0.7 < total / span < 1.3
    assert burning / total > 0.8


def test_without_cpu_samples_a_running_goroutine_keeps_its_last_stack_and_says_so() -> None:
    with Target("burner") as target:
        sampler = watch(target.pid, engine="memory")
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        running = [row for chunk in drains(sampler, 2) for row in reader.rows(chunk) if row.state == "running"]
        sampler.stop()
    assert sampler.info.engine == "memory"
    assert running and all(row.flags & STALE for row in running)


def test_labels_are_part_of_the_group() -> None:
    with Target("labels") as target:
        sampler = watch(target.pid)
        sampler.start()
        reader = Reader(list(sampler.info.reasons))
        rows = [row for chunk in drains(sampler, 1) for row in reader.rows(chunk)]
        sampler.stop()
    assert any(row.group["labels"] for row in rows)


def test_ptrace_leaves_nothing_stopped_or_traced() -> None:
    with Target("burner") as target:
        sampler = watch(target.pid, engine="ptrace", budget=0.05)
        sampler.start()
        for _ in drains(sampler, 1.5):
            pass
        sampler.stop()
        before = target.ops()
        assert target.ops() >= before
        for status in Path(f"/proc/{target.pid}/task").glob("*/status"):
            text = status.read_text()
            assert "TracerPid:\t0" in text
            assert "\nState:\tT" not in text and "\nState:\tt" not in text


def test_a_target_that_exits_is_gone() -> None:
    with Target("burner") as target:
        sampler = watch(target.pid)
        sampler.start()
        sampler.drain()
        target.close()
        with pytest.raises(ProcessGone, match="has exited"):
            for _ in drains(sampler, 3):
                pass
        sampler.stop()
