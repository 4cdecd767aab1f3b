"""Attach to a loaded target and detach, 500 times, a third by SIGKILL at a random moment."""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from targets import Target

from bench.common import FLAREGO, arguments, verdict

LONGEST_S = 1.5
SETTLE_S = 1.0
# The Go runtime may start a thread of its own accord in so long a time.
SPARE_THREADS = 2
ENDED_BY_SIGNAL = (0, 130, 143, -15)


@dataclass
class Cycles:
    """What came of so many attachments."""

    killed: int = 0
    stopped: int = 0
    failed: list[str] = field(default_factory=list)
    operations: int = 0
    more_descriptors: int = 0
    more_threads: int = 0


def run(cycles: int, *, seed: int) -> Cycles:
    """Attach and detach so often. Raises RuntimeError when the target dies of it."""
    chance, result = random.Random(seed), Cycles()
    with Target("churn", "-n", 500, "-p", 2) as target:
        time.sleep(SETTLE_S)
        before, operations = _resources(target.pid), target.ops()
        for cycle in range(cycles):
            kill = cycle % 3 == 0
            result.killed += kill
            error = _cycle(target.pid, chance.uniform(0, LONGEST_S), kill)
            if error:
                result.failed.append(error)
            result.stopped += _stopped(target.pid)
            if target.process.poll() is not None:
                raise RuntimeError(f"the target died in cycle {cycle + 1}")
        time.sleep(SETTLE_S)
        after, result.operations = _resources(target.pid), target.ops() - operations
    result.more_descriptors, result.more_threads = (b - a for a, b in zip(before, after, strict=True))
    return result


def main() -> None:
    options = arguments(__doc__, cycles=500, seed=1)
    result = run(options.cycles, seed=options.seed)
    print(f"{options.cycles} cycles, {result.killed} by SIGKILL; operations meanwhile: {result.operations:,}")
    print(*result.failed[:5], sep="\n")
    verdict("detaches that ended with an error", len(result.failed), 0, "times")
    verdict("times a thread of the target was left stopped or traced", result.stopped, 0, "times")
    verdict("more file descriptors", result.more_descriptors, 0, "descriptors")
    verdict("more threads", result.more_threads, SPARE_THREADS, "threads")


def _cycle(pid: int, seconds: float, kill: bool) -> str:
    """Attach for so long (starting up included) and detach; return what went wrong."""
    process = subprocess.Popen(
        [*FLAREGO, "attach", "--pid", str(pid), "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    if kill:
        process.kill()
    else:
        process.terminate()
    _, errors = process.communicate(timeout=20)
    return errors if not kill and process.returncode not in ENDED_BY_SIGNAL else ""


def _stopped(pid: int) -> int:
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return sum(stat.read_text().rpartition(") ")[2][0] in "tT" for stat in stats)


def _resources(pid: int) -> tuple[int, int]:
    """File descriptors and threads."""
    descriptors, threads = (list(Path(f"/proc/{pid}/{folder}").iterdir()) for folder in ("fd", "task"))
    return len(descriptors), len(threads)


if __name__ == "__main__":
    main()
