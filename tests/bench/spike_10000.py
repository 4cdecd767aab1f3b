"""Goroutines spike from 100 to 10,000 and back: what flarego costs, the largest gap in its data."""

from __future__ import annotations

import time
from itertools import pairwise

from targets import Target

from bench.common import Attached, Stream, arguments, cpu_seconds, verdict

BAR_CPU, BAR_GAP = 5.0, 1.0


def main() -> None:
    options = arguments(__doc__, spikes=4, seconds=5.0, goroutines=10_000)
    with (
        Target("spike") as target,
        Attached(target.pid) as attached,
        Stream(attached.url) as stream,
    ):
        time.sleep(options.seconds)
        began, cpu = time.monotonic(), cpu_seconds(attached.pid)
        for _ in range(options.spikes):
            for n in (options.goroutines, 100):
                target.ask(f"set {n}")
                time.sleep(options.seconds)
        wall, cpu = time.monotonic() - began, cpu_seconds(attached.pid) - cpu
        chunks = [(at, chunk) for at, chunk in stream.chunks() if at >= began]
    arrivals = [at for at, _ in chunks]
    in_data = [(later["start"] - earlier["end"]) / 1e9 for (_, earlier), (_, later) in pairwise(chunks)]
    spans = [(chunk["end"] - chunk["start"]) / 1e9 for _, chunk in chunks]
    between = [later - earlier for earlier, later in pairwise(arrivals)]
    most = max(_goroutines(chunk["series"]) for _, chunk in chunks)
    print(f"{len(chunks)} chunks in {wall:.1f} s; most goroutines seen at once: {most:,}")
    print(f"longest chunk {max(spans):.3f} s, longest wait for one {max(between):.3f} s")
    verdict("flarego's CPU", 100 * cpu / wall, BAR_CPU, "% of a core")
    verdict("largest gap between chunks", max(*in_data, *between), BAR_GAP, "s")


def _goroutines(series: dict[str, float]) -> int:
    """User goroutines in all states."""
    counts = {name: n for name, n in series.items() if name.startswith("goroutines.")}
    return int(sum(counts.values()) - sum(counts.get(f"goroutines.{x}", 0) for x in ("system", "created")))


if __name__ == "__main__":
    main()
