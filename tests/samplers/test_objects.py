"""What channels and locks say about themselves, and who has each processor, beside real programs."""

from __future__ import annotations

from typing import Any

import pytest
from targets import Target

from samplers.reading import drains, watch


def look(target: Target, seconds: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """The newest waits and processors, and the names of reasons."""
    sampler = watch(target.pid)
    sampler.start()
    waits: list[Any] = []
    processors: list[Any] = []
    for chunk in drains(sampler, seconds):
        waits, processors = list(chunk.waits or waits), list(chunk.processors or processors)
    sampler.stop()
    return waits, processors, list(sampler.info.reasons)


@pytest.mark.parametrize("version", ["1.22.10", "1.27.3"])
def test_objects_say_what_holds_their_waiters(version: str) -> None:
    with Target("states", version=version) as target:
        waits, _, reasons = look(target, 2.3)
    objects = {reasons[wait["reason"]]: wait.get("object", {}) for wait in waits}
    assert objects["sync.RWMutex.RLock"] == {"held_by": "writer"}
    channels = [wait["object"] for wait in waits if wait["kind"] == "channel"]
    assert {"length": 0, "capacity": 0, "closed": False} in channels
    assert all(0 <= channel["length"] <= channel["capacity"] for channel in channels)


def test_a_busy_processor_names_its_goroutine_and_thread() -> None:
    with Target("churn", "-n", 50, "-p", 1) as target:
        _, processors, _ = look(target, 1.5)
    (busy,) = (p for p in processors if p["status"] == "running")
    assert busy["goroutine"] > 0
    assert busy["thread"] >= target.pid
    assert busy["timers"] >= 0
