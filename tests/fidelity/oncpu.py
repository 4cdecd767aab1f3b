"""Flat CPU shares: the process's own profile, and flarego's stream over the same time."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from bench.stacks import Fold
from targets import Target
from targets.build import go, offline

if TYPE_CHECKING:
    from bench.common import Stream

TOP = 20
SETTLE_S = 2.0
CHUNK_S = 0.3
# CPU timers tick at 250 Hz here; at Go's usual 100, chance moves a share of 20% by 1.3 points.
PROFILE_HZ = 250
# The signal that preempts a goroutine and the one that profiles it often arrive at the same clock
# tick: the profile then finds the first instruction of asyncPreempt where the preempted function
# was. Hiding it gives the sample back to that function.
_OPTIONS = (
    "-flat",
    "-nodefraction=0",
    "-nodecount=500",
    r"-hide=^runtime\.asyncPreempt$",
)
_ROW = re.compile(r"\s*\S+\s+(?P<flat>[\d.]+)%\s+[\d.]+%\s+\S+\s+[\d.]+%\s+(?P<function>.+?)(?: \(inline\))?$")

Shares = dict[str, float]
"""Percent of CPU time by innermost function."""


def average(rounds: Sequence[Shares]) -> Shares:
    """Return the mean of several profiles' shares: one of ten seconds is off by a point by chance."""
    names = {name for shares in rounds for name in shares}
    return {name: mean(shares.get(name, 0.0) for shares in rounds) for name in names}


def measure_shares(target: Target, stream: Stream, seconds: int, rounds: int) -> list[tuple[Shares, Shares]]:
    """Return, for so many rounds, the shares of the same seconds as the process and as flarego sees them."""
    time.sleep(SETTLE_S)
    fold, result = Fold(), []
    for _ in range(rounds):
        _fold_new(stream, fold)
        fold.cpu.clear()
        own = profile_shares(target.ask(f"cpu {seconds} {PROFILE_HZ}"))
        time.sleep(CHUNK_S)
        _fold_new(stream, fold)
        total = sum(fold.cpu.values()) or 1
        result.append((own, {name: 100 * ns / total for name, ns in fold.cpu.items()}))
    return result


def _fold_new(stream: Stream, fold: Fold) -> None:
    for _, message in stream.take():
        fold.add(message)


def profile_shares(profile: bytes) -> Shares:
    """Return the flat shares of a CPU profile, as `go tool pprof -top` has them."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(profile)
        file.flush()
        done = subprocess.run(
            [str(go()), "tool", "pprof", "-top", *_OPTIONS, file.name],
            env=offline(),
            capture_output=True,
            text=True,
            check=True,
        )
    rows = (_ROW.match(line) for line in done.stdout.splitlines())
    return {row["function"]: float(row["flat"]) for row in rows if row}


def largest_difference(own: Mapping[str, float], seen: Mapping[str, float]) -> float:
    """Return the largest difference, in percentage points, among the process's top functions."""
    top = sorted(own, key=lambda name: own[name], reverse=True)[:TOP]
    return max(abs(own[name] - seen.get(name, 0)) for name in top)
