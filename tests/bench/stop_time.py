"""How long flarego stops its target in perf mode: nought, shown three ways.

1. strace: flarego makes no system call that could stop, signal or write to another process.
2. /proc: no thread of the target is ever found stopped or traced.
3. A thread of the target watches the clock without rest: the time in which it did not run, with
   flarego and without, in turns.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from targets import Target

from bench.common import FLAREGO, Attached, arguments, table, verdict

FORBIDDEN = "ptrace,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,process_vm_writev,pidfd_send_signal"


def main() -> None:
    options = arguments(__doc__, rounds=4, seconds=5.0)
    with Target("pause") as target:
        calls = forbidden_calls(target.pid, options.seconds)
        rows, stopped_seen = [], 0
        for _ in range(options.rounds):
            base, _ = _watch(target, options.seconds)
            with Attached(target.pid):
                time.sleep(2)
                attached, seen = _watch(target, options.seconds)
            stopped_seen += seen
            rows.append((base, attached))
    table(
        ("without", "with flarego"),
        [(f"{without:.3f}%", f"{with_it:.3f}%") for without, with_it in rows],
    )
    difference = statistics.median(with_it - without for without, with_it in rows)
    print(f"share of time the thread did not run: {difference:+.3f} percentage points with flarego")
    print("(that is other programs' use of the processor and interrupts, perf's own among them)")
    if calls is not None:
        verdict("calls that could stop, signal or write to the target", calls, 0, "calls")
    verdict("times a thread of the target was found stopped or traced", stopped_seen, 0, "times")


def _watch(target: Target, seconds: float) -> tuple[float, int]:
    """Return the percentage of time the watching thread did not run, and stops seen."""
    target.ask("gaps")
    seen, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen += sum(_state(stat) in "tT" for stat in Path(f"/proc/{target.pid}/task").glob("*/stat"))
        time.sleep(0.01)
    return json.loads(target.ask("gaps"))["stopped_ns"] / 1e7 / seconds, seen


def _state(stat: Path) -> str:
    return stat.read_text().rpartition(") ")[2][0]


def forbidden_calls(pid: int, seconds: float, *more: str) -> int | None:
    """Return how many forbidden system calls flarego made; None without strace."""
    if shutil.which("strace") is None:
        print("strace is not installed: system calls not watched")
        return None
    command = [
        "strace",
        "-f",
        "-qq",
        "-e",
        f"trace={FORBIDDEN}",
        "-o",
        "|cat >&2",
        *FLAREGO,
        "attach",
    ]
    options = ["--pid", str(pid), "--listen", "127.0.0.1:0", "--duration", str(seconds), *more]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "(" in line and "SIGCHLD" not in line]
    print(f"strace saw {len(lines)} such calls", *lines[:20], sep="\n  ")
    return len(lines)


if __name__ == "__main__":
    main()
