"""Discovery, on real processes: what is found, once; what is not looked at again; what may not be read."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from targets import Target

from agent.watched import child, until_named
from flarego.agent.discovery import TURNS, YOUNG_S, Discovery, Selection
from flarego.agent.find import Found
from flarego.errors import NoSuchProcess


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def pids_of(found: Iterator[Found]) -> set[int]:
    return {one.pid for one in found}


@contextmanager
def somebody_else() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_all_are_go_programs_each_offered_once_and_again_when_it_is_forgotten() -> None:
    discovery = Discovery(Selection(all=True))
    with Target("blocked") as target, child("sleep", "60") as other:
        found = pids_of(discovery.scan())
        assert target.pid in found and other.pid not in found and os.getpid() not in found
        assert target.pid not in pids_of(discovery.scan())
        discovery.forget(target.pid)
        assert target.pid in pids_of(discovery.scan())
        with Target("blocked") as second:
            assert pids_of(discovery.scan()) == {second.pid}


@pytest.mark.parametrize(
    "pattern, meant", [("blocked*", True), ("*ed-1.*", True), ("block", False), ("sleep", False), ("?locked-*", True)]
)
def test_names_have_to_fit_as_a_whole(pattern: str, meant: bool) -> None:
    with Target("blocked") as target:
        assert (target.pid in pids_of(Discovery(Selection(names=(pattern,))).scan())) is meant


def test_given_pids_alone_are_looked_at() -> None:
    with Target("blocked") as target, Target("blocked"):
        discovery = Discovery(Selection(pids=(target.pid,)))
        discovery.check()
        assert pids_of(discovery.scan()) == {target.pid}
    with pytest.raises(NoSuchProcess):
        Discovery(Selection(pids=(999_999_999,))).check()


def test_what_is_old_is_looked_at_in_its_turn() -> None:
    clock = Clock()
    discovery = Discovery(Selection(all=True), clock)
    with Target("blocked") as target:
        binary = Path(f"/proc/{target.pid}/exe").readlink()
        with child("sh", "-c", f'read line; exec "{binary}"') as shell:
            assert shell.pid not in pids_of(discovery.scan())
            clock.now = YOUNG_S + 1
            assert shell.stdin is not None
            shell.stdin.write(b"\n")
            shell.stdin.flush()
            until_named(shell.pid, binary.name[:15])
            scans = [shell.pid in pids_of(discovery.scan()) for _ in range(TURNS)]
            assert sum(scans) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_counted() -> None:
    with Target("blocked") as target:
        discovery = Discovery(Selection(all=True))
        with somebody_else():
            assert target.pid not in pids_of(discovery.scan())
        assert discovery.unreadable >= 1
        named = Discovery(Selection(names=("no such name",)))
        with somebody_else():
            assert not pids_of(named.scan())
        assert named.unreadable == 0, "what is not meant is nobody's loss"


def test_a_scan_of_many_processes_costs_little() -> None:
    """Budgeted for a node of a thousand processes: well below a hundredth of a core at one scan a second."""
    sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(200)]
    try:
        clock = Clock()
        discovery = Discovery(Selection(all=True), clock)
        list(discovery.scan())
        clock.now = YOUNG_S + 1
        began = time.thread_time()
        for _ in range(TURNS):
            list(discovery.scan())
        assert (time.thread_time() - began) / TURNS < 0.005
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
