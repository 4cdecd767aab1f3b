"""A minute of the demo at 2,000 goroutines: bytes of its clip against bytes of its execution trace of the same minute.

`python -m bench.clip_size [--seconds 60] [--goroutines 2000] [--keep FILE]` in tests/. The target writes the trace
itself (net/http/pprof). Also what writing clips costs, at several compression levels: the same messages
once more, timed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from bench.common import FLAREGO, table, verdict
from flarego.demo.build import build
from flarego.demo.service import start
from flarego.model.chunk import Message
from flarego.wire.clip import Clip, ClipWriter

SETTLE_S = 3
BAR = 1 / 20
LEVELS = (1, 3, 5, 7, 9, 12)


def traced(url: str, seconds: int) -> int:
    """Return how many bytes the target writes of its execution trace."""
    size = 0
    with urllib.request.urlopen(f"{url}/debug/pprof/trace?seconds={seconds}", timeout=seconds + 60) as response:
        while block := response.read(1 << 20):
            size += len(block)
    return size


def recorded(goroutines: int, seconds: int, clip: Path) -> int:
    """Record a clip of the demo, and return the bytes of its execution trace of the same time."""
    sizes: list[int] = []
    with start(build(), goroutines=goroutines) as service:
        time.sleep(SETTLE_S)
        trace = threading.Thread(target=lambda: sizes.append(traced(service.url, seconds)))
        trace.start()
        command = [*FLAREGO, "record", "--pid", str(service.pid), "-d", f"{seconds}s", "-o", str(clip), "--force"]
        subprocess.run(command, check=True, timeout=seconds + 60)
        trace.join()
    return sizes[0]


def written(messages: list[Message], level: int) -> tuple[int, float]:
    """Return the size of those messages' clip, and the CPU seconds it takes to write."""
    began = time.process_time()
    writer = ClipWriter(io.BytesIO(), level=level)
    for message in messages:
        writer.write(message)
    writer.close()
    return writer.size, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--goroutines", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="where to leave the clip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "demo.fgo"
        trace = recorded(options.goroutines, options.seconds, path)
        clip = path.stat().st_size
        with Clip.open(path) as opened:
            info = opened.processes[0]
            begin, end = opened.span(info.process)
            messages: list[Message] = [info, *opened.messages(info.process)]
            raw = sum(generation.raw for generation in opened.generations)
    minute = 60 / options.seconds
    table(
        ("", "bytes a minute"),
        [("execution trace", f"{trace * minute:,.0f}"), ("chunks", f"{raw * minute:,.0f}"),
         ("clip", f"{clip * minute:,.0f}")],
    )  # fmt: skip
    span = (end - begin) / 1e9
    costs = [(level, *written(messages, level)) for level in LEVELS]
    table(
        ("zstd level", "bytes a minute", "% of a core"),
        [(level, f"{size * minute:,.0f}", f"{100 * cpu / span:.2f}") for level, size, cpu in costs],
    )
    verdict("clip by execution trace", clip / trace, BAR, "")


if __name__ == "__main__":
    main()
