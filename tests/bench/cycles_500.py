"""Attach to a loaded target and detach, 500 times, a third by SIGKILL at a random moment."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

from targets import Target

from bench.common import FLAREGO, arguments, verdict

LONGEST_S = 1.5


def main() -> None:
    options = arguments(__doc__, cycles=500, seed=1)
    chance = random.Random(options.seed)
    with Target("churn", "-n", 500, "-p", 2) as target:
        time.sleep(1)
        before, ops, killed, stopped, failed = _resources(target.pid), target.ops(), 0, 0, []
        for cycle in range(options.cycles):
            kill = cycle % 3 == 0
            killed += kill
            error = _cycle(target.pid, chance.uniform(0, LONGEST_S), kill)
            if error:
                failed.append(error)
            stopped += _stopped(target.pid)
            if target.process.poll() is not None:
                raise SystemExit(f"the target died in cycle {cycle + 1}")
        time.sleep(1)
        after, done = _resources(target.pid), target.ops() - ops
    print(f"{options.cycles} cycles, {killed} by SIGKILL; {done:,} operations of the target meanwhile")
    print(f"before {before}, after {after}", *failed[:5], sep="\n")
    verdict("detaches that ended with an error", len(failed), 0, "times")
    verdict("times a thread of the target was left stopped or traced", stopped, 0, "times")
    verdict("more file descriptors", after["descriptors"] - before["descriptors"], 0, "descriptors")
    # The Go runtime may start a thread of its own accord: one or two in so long a time.
    verdict("more threads", after["threads"] - before["threads"], 2, "threads")


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
    return errors if not kill and process.returncode not in (0, 130, 143, -15) else ""


def _stopped(pid: int) -> int:
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return sum(stat.read_text().rpartition(") ")[2][0] in "tT" for stat in stats)


def _resources(pid: int) -> dict[str, int]:
    process = Path(f"/proc/{pid}")
    return {
        name: len(list((process / folder).iterdir())) for name, folder in (("descriptors", "fd"), ("threads", "task"))
    }


if __name__ == "__main__":
    main()
