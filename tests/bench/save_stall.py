"""Saving a full retention: how long the event loop, and so the live stream, is held up meanwhile.

`python -m bench.save_stall CLIP [--mib 256]` in tests/. The retention is filled with the clip's chunks, over and over.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.common import table, verdict
from flarego.gateway.clips import write_history
from flarego.gateway.hub import Hub
from flarego.model.chunk import Chunk
from flarego.wire.clip import Clip
from flarego.wire.codec import encode

TICK_S = 0.01
BAR_MS = 200
"""As long as one chunk takes to come."""


def filled(path: Path, size: int) -> Hub:
    """Return a hub that keeps that many bytes."""
    hub, written, sequence, generation = Hub(), 0, 0, 0
    with Clip.open(path) as clip:
        info = clip.processes[0]
        chunks = [m for m in clip.messages(info.process) if isinstance(m, Chunk)]
    hub.publish(info)
    while written < size:
        for chunk in chunks:
            generation += chunk.strings[:1] == [""]
            sequence += 1
            # All at one time: the retention is to be full of bytes, not of minutes.
            made = replace(chunk, sequence=sequence, generation=generation, start=sequence, end=sequence + 1)
            hub.publish(made)
            written += len(encode(made))
    return hub


async def lags(until: asyncio.Future[object]) -> list[float]:
    """Return by how many ms the loop's ticks came late until something is done."""
    late = []
    while not until.done():
        due = time.monotonic() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(1000 * (time.monotonic() - due))
    return late


async def run(path: Path, size: int) -> None:
    hub = filled(path, size)
    history = hub.history("")
    assert history is not None
    idle = await lags(asyncio.ensure_future(asyncio.sleep(3)))
    with tempfile.TemporaryFile() as file:
        began, cpu = time.monotonic(), time.process_time()
        saving = await lags(asyncio.ensure_future(asyncio.to_thread(write_history, history, None, None, file)))
        took, used, written = time.monotonic() - began, time.process_time() - cpu, file.tell()
    print(f"{sum(map(len, history.chunks)):,} bytes saved as {written:,} in {took:.1f} s, {used:.1f} s of CPU")
    rows = [
        (name, f"{statistics.median(late):.1f}", f"{statistics.quantiles(late, n=100)[98]:.1f}", f"{max(late):.1f}")
        for name, late in (("nothing", idle), ("saving", saving))
    ]
    table(("ms late", "median", "99 %", "longest"), rows)
    verdict("the loop's longest pause while saving", max(saving), BAR_MS, "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--mib", type=int, default=256)
    options = parser.parse_args()
    asyncio.run(run(options.clip, options.mib << 20))


if __name__ == "__main__":
    main()
