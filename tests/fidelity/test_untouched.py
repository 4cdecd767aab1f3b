"""The target notices nothing: it is not stopped, signalled or written to, however flarego ends."""

from __future__ import annotations

import shutil

import pytest
from bench import cycles_500, stop_time
from targets import Target


def test_attaching_makes_no_call_that_could_touch_the_target() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    with Target("churn", "-n", 200) as target:
        assert stop_time.forbidden_calls(target.pid, 2) == 0
        # The watch works: the engine that does stop its target is seen to.
        assert stop_time.forbidden_calls(target.pid, 2, "--engine", "ptrace")


def test_the_target_survives_attaching_detaching_and_sigkill() -> None:
    cycles = cycles_500.run(12, seed=7)
    assert cycles.failed == []
    assert cycles.stopped == 0
    assert cycles.more_descriptors <= 0
    assert cycles.more_threads <= cycles_500.SPARE_THREADS
