"""2,000 goroutines, far more than 50,000 scheduler events a second: what flarego costs by default.

The target keeps one processor busy, so that the other is flarego's: its cost is its own CPU time
plus what the target does not get done, in operations per wall second and (steadier) per CPU second.
In turns with it: nothing, and the target profiling itself with runtime.GoroutineProfile.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from targets import Target

from bench.common import Attached, arguments, measure, spread, table, verdict

BAR = 1.8
WARM_UP_S = 4


def main() -> None:
    options = arguments(__doc__, rounds=5, seconds=6.0, goroutines=2000)
    with Target("churn", "-n", options.goroutines, "-p", 1) as target:
        modes = {
            "flarego": lambda: Attached(target.pid),
            "profile 10 Hz": lambda: _watched(target, 10),
            "profile 100 Hz": lambda: _watched(target, 100),
            "nothing again": lambda: nullcontext(None),
        }
        results: dict[str, list[tuple[float, float, float]]] = {mode: [] for mode in modes}
        events = []
        for _ in range(options.rounds):
            for mode, start in modes.items():
                base = _pace(target, options.seconds, None)
                with start() as attached:
                    measure(WARM_UP_S)
                    now = _pace(target, options.seconds, getattr(attached, "pid", None))
                losses = (100 * (1 - now[i] / base[i]) for i in (0, 1))
                results[mode].append((now[2], *losses))
                events.append(base[0])
    print(f"goroutine switches without anything: {statistics.median(events):,.0f} a second")
    table(
        ("", "own CPU", "fewer ops/s", "fewer ops/CPU second"),
        [(mode, *map(spread, zip(*rows, strict=True))) for mode, rows in results.items()],
    )
    own, _, loss = (statistics.median(column) for column in zip(*results["flarego"], strict=True))
    verdict("flarego's CPU and the target's loss together", own + max(loss, 0), BAR, "% of a core")


def _pace(target: Target, seconds: float, pid: int | None) -> tuple[float, float, float]:
    """Return operations per wall second and per CPU second, and the percentage pid used."""
    before = target.ops()
    span = measure(seconds, target.pid, *([pid] if pid else []))
    done = target.ops() - before
    return done / span.wall, done / span.cpu[0], 100 * sum(span.cpu[1:]) / span.wall


@contextmanager
def _watched(target: Target, hz: int) -> Iterator[None]:
    target.ask(f"watch {hz}")
    yield
    target.ask("watch 0")


if __name__ == "__main__":
    main()
