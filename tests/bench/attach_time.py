"""From starting `flarego attach` to the first stacks at a subscriber: 10 and 100 MB binaries."""

from __future__ import annotations

import statistics
import time

from targets import Target, generate

from bench.common import Attached, Stream, arguments, verdict
from bench.stacks import Fold

BARS = {10: 1.0, 100: 3.0}


def main() -> None:
    options = arguments(__doc__, rounds=5)
    for megabytes, bar in BARS.items():
        binary = generate.build_big(megabytes)
        with Target(binary) as target:
            times = [_attach(target.pid) for _ in range(options.rounds)]
        url, stacks = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{binary.stat().st_size / 1e6:.0f} MB: URL printed after {url:.2f} s, stacks after")
        print("  " + ", ".join(f"{seconds:.2f}" for _, seconds in times) + " s")
        verdict(f"first stacks of a {megabytes} MB binary", stacks, bar, "s")


def _attach(pid: int) -> tuple[float, float]:
    with Attached(pid) as attached:
        url, fold = time.monotonic() - attached.began, Fold()
        with Stream(attached.url) as stream:
            first = stream.wait(lambda message: fold.add(message).get("main.park", 0) > 0)
    return url, first - attached.began


if __name__ == "__main__":
    main()
