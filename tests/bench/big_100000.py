"""100,000 goroutines, 1,000 of them active: what flarego costs, and how old its picture gets.

The age is measured from outside: now and then one goroutine that has waited since the start moves
on to wait in main.moved, and the time until a chunk shows it there is the age of the picture there.
"""

from __future__ import annotations

import statistics
import time

from targets import Target

from bench.common import Attached, Stream, arguments, measure, verdict
from bench.stacks import Fold

BAR_CPU, BAR_AGE = 5.0, 2.0
FIRST_PICTURE_S = 60


def main() -> None:
    options = arguments(__doc__, goroutines=100_000, active=1000, seconds=20.0, moves=20)
    with (
        Target("many", "-n", options.goroutines, "-active", options.active) as target,
        Attached(target.pid) as attached,
        Stream(attached.url) as stream,
    ):
        fold = Fold()
        first = stream.wait(lambda m: bool(fold.add(m)), FIRST_PICTURE_S)
        print(f"first stacks after {first - attached.began:.2f} s")
        time.sleep(5)
        span = measure(options.seconds, attached.pid, target.pid)
        ages = [_age(target, stream, fold, number + 1) for number in range(options.moves)]
        last = stream.chunks()[-1][1]["sampler"]
    print("age of the picture: " + ", ".join(f"{age:.2f}" for age in sorted(ages)) + " s")
    print(f"median {statistics.median(ages):.2f} s; sampler at the end: {last}")
    print(f"the target itself used {100 * span.cpu[1] / span.wall:.1f}% of a core")
    verdict("flarego's CPU", 100 * span.cpu[0] / span.wall, BAR_CPU, "% of a core")
    verdict("oldest picture", max(ages), BAR_AGE, "s")


def _age(target: Target, stream: Stream, fold: Fold, number: int) -> float:
    """Move one goroutine and return how long it takes until `number` are seen in main.moved."""
    began = time.monotonic()
    target.ask("move")
    arrival = stream.wait(lambda m: fold.add(m).get("main.moved", 0) >= number)
    return arrival - began


if __name__ == "__main__":
    main()
