"""A clip of a gigabyte: how long it takes to open, to sum up, and to seek in.

`python -m bench.clip_big CLIP [--size 1000000000] [--file FILE]` in tests/. The big clip is the given one repeated, its
times shifted: what is measured depends on how many bytes there are, not on how they came about. CPU time is told
beside the clock's: on a machine that is busy otherwise only the former says something.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import msgpack
import zstandard

from bench.common import FLAREGO, verdict
from flarego.model.chunk import Chunk, Message
from flarego.model.merge import Merger
from flarego.wire.clip import Clip
from flarego.wire.clip.index import Generation, Index, TimelineBuilder
from flarego.wire.clip.records import MAGIC, START, TRAILER, TRAILER_MAGIC, VERSION, write_record
from flarego.wire.codec import encode

SEEKS = 40
OPEN_BAR, SEEK_BAR = 1.0, 0.2


class Repeater:
    """Writes a clip's generations again and again, later each time."""

    def __init__(self, clip: Clip, out: BinaryIO, level: int) -> None:
        [self.info] = clip.processes
        process = self.info.process
        generations = [clip.messages(process, g.start, g.end) for g in clip.generations]
        self._chunks = [[m for m in messages if isinstance(m, Chunk)] for messages in generations]
        self._summaries = list(clip.summaries(process))
        self._length = clip.span(process)[1] - clip.span(process)[0]
        self._per_turn = self._summaries[-1].sequence - self._chunks[0][0].sequence + 1
        self._overview, self._timeline = Merger(), TimelineBuilder()
        self._zstd = zstandard.ZstdCompressor(level=level)
        self._index, self._out, self.size = Index(processes={process: self.info}), out, START.size
        out.write(START.pack(MAGIC, VERSION))
        head = msgpack.packb(clip.head)
        self._put(b"HEAD", 0, head, len(head))

    def turn(self, number: int) -> None:
        """Append everything once more."""
        for chunks, summary in zip(self._chunks, self._summaries, strict=True):
            self._generation([self._shifted(chunk, number) for chunk in chunks], self._shifted(summary, number))

    def _shifted(self, chunk: Chunk, number: int) -> Chunk:
        by = number * self._length
        return replace(
            chunk, start=chunk.start + by, end=chunk.end + by, sequence=chunk.sequence + number * self._per_turn
        )

    def _generation(self, chunks: list[Chunk], summary: Chunk) -> None:
        stream, offset, raw = len(self._index.generations), self.size, 0
        zstd = self._zstd.compressobj()
        messages: list[Message] = [self.info, *chunks]
        for message in messages:
            data = encode(message)
            payload = zstd.compress(data) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self._put(b"CHNK", stream, payload, len(data))
            raw += len(data)
        self._put(b"DONE", stream, zstd.flush(), 0)
        end = self.size
        self._frame(b"SUMM", stream, encode(self.info) + encode(summary))
        self._index.generations.append(
            Generation(
                stream=stream, process=self.info.process, start=chunks[0].start, end=chunks[-1].end,
                first=chunks[0].sequence, last=chunks[-1].sequence, chunks=len(chunks), offset=offset,
                size=end - offset, summary=end, raw=raw,
            )
        )  # fmt: skip
        for chunk in chunks:
            self._timeline.add(chunk)
        if stream < 500:  # enough for an overview of the usual size
            self._overview.add(summary)

    def close(self) -> None:
        process, start = self.info.process, self.size
        self._index.overview[process] = replace(self._overview.chunk(1e-5), end=self._index.generations[-1].end)
        self._index.timeline[process] = self._timeline.timeline()
        self._frame(b"INDX", 0, self._index.pack())
        self._out.write(TRAILER.pack(start, TRAILER_MAGIC))

    def _frame(self, kind: bytes, stream: int, data: bytes) -> None:
        self._put(kind, stream, self._zstd.compress(data), len(data))

    def _put(self, kind: bytes, stream: int, payload: bytes, raw: int) -> None:
        self.size += write_record(self._out, kind, stream, payload, raw)


def made(clip: Path, file: Path, size: int, level: int) -> None:
    """Write the big clip."""
    with Clip.open(clip) as source, file.open("wb") as out:
        repeater, number = Repeater(source, out, level), 0
        while repeater.size < size:
            repeater.turn(number)
            number += 1
        repeater.close()


def seeks(file: Path) -> tuple[float, list[float]]:
    """Return the seconds that opening takes, and those of seeks anywhere: the two seconds from there on, decoded."""
    began, chance, times, cpu = time.monotonic(), random.Random(1), list[float](), time.process_time()
    with Clip.open(file) as clip:
        process = clip.processes[0].process
        clip.overview(process)
        opening = time.monotonic() - began
        print(f"opening: {time.process_time() - cpu:.3f} s of CPU")
        first, last = clip.span(process)
        cpu = time.process_time()
        for _ in range(SEEKS):
            at = chance.randrange(first, last - 2_000_000_000)
            began = time.monotonic()
            assert any(isinstance(message, Chunk) for message in clip.messages(process, at, at + 2_000_000_000))
            times.append(time.monotonic() - began)
        print(f"a seek: {(time.process_time() - cpu) / SEEKS:.3f} s of CPU in the mean")
        print(f"{len(clip.generations):,} generations, {(last - first) / 3.6e12:,.1f} hours")
    return opening, times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=int, default=10**9)
    parser.add_argument("--level", type=int, default=3, help="of zstd; negative ones make the clip sooner")
    parser.add_argument("--file", type=Path, help="where to leave the big one, or where it is already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or Path(folder) / "big.fgo"
        if not file.exists():
            made(options.clip, file, options.size, options.level)
        opening, times = seeks(file)
        began = time.monotonic()
        subprocess.run([*FLAREGO, "replay", str(file), "--summary"], check=True, stdout=subprocess.DEVNULL)
        summary, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"replay --summary: {used.ru_utime + used.ru_stime:.3f} s of CPU")
        began = time.monotonic()
        subprocess.run([*FLAREGO, "version"], check=True, stdout=subprocess.DEVNULL)
        floor = time.monotonic() - began
        print(f"{file.stat().st_size:,} bytes; opened in {opening:.3f} s; `flarego version` takes {floor:.2f} s")
    verdict("replay --summary", summary, OPEN_BAR, "s")
    verdict("seek, median", statistics.median(times), SEEK_BAR, "s")
    verdict("seek, longest", max(times), SEEK_BAR, "s")


if __name__ == "__main__":
    main()
