"""Mutated clips for their reader: only typed errors may come out, whether bytes, records, messages or the index lie.

python tests/fuzz/fuzz_clip.py [TARGET…] [--runs N] [--seed N]
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from wire.streams import INFO, Source

from flarego.model.chunk import Chunk, Gone
from flarego.model.profile import Profile
from flarego.wire.clip import Clip, ClipWriter
from flarego.wire.clip.records import HEADER, START, TRAILER, TRAILER_MAGIC, StreamDecoder, read_header, read_payload
from flarego.wire.codec import encode
from fuzz.fuzz_formats import fuzz, mutate, mutate_value

TARGETS = ("bytes", "records", "messages", "index")
_SIZES = (0, 1, 19, 1 << 16, 64 << 20, (64 << 20) + 1, 0xFFFFFFFF)
_KINDS = (b"CHNK", b"DONE", b"SUMM", b"INDX", b"HEAD", b"XTRA", b"\0\0\0\0")
_Record = tuple[bytes, int, bytes]
"""Kind, stream, payload once decompressed."""
_zstd = zstandard.ZstdCompressor(level=1)


@cache
def clip() -> bytes:
    """Return a small clip: two generations of three chunks, events, waits, the end of the process."""
    source, file = Source(seed=7), io.BytesIO()
    writer = ClipWriter(file)
    writer.write(INFO)
    for number in range(6):
        if number == 3:
            source.begin_generation()
        writer.write(_chunk(source))
    writer.write(Gone(INFO.process, 10**10, "exited"))
    writer.close()
    return file.getvalue()


def _chunk(source: Source) -> Chunk:
    chunk = source.chunk()
    wait = {"kind": "channel", "address": "c000", "count": 2, "longest": 5, "reason": 1, "node": 1}
    return replace(chunk, events=[{"kind": "gc", "at": chunk.end}], waits=[wait], series={"heap.live": 5.0})


@cache
def records() -> Sequence[_Record]:
    """Return that clip's records, decompressed."""
    data, offset = clip(), START.size
    file, found, streams = io.BytesIO(data), list[_Record](), dict[int, StreamDecoder]()
    while (record := read_header(file, offset, len(data))) is not None:
        offset, payload = record.end, read_payload(file, record)
        if record.kind in (b"SUMM", b"INDX"):
            payload = StreamDecoder().decode(payload, record.raw)
        elif record.kind != b"HEAD":
            payload = streams.setdefault(record.stream, StreamDecoder()).decode(payload, record.raw)
        found.append((record.kind, record.stream, payload))
    return found


@cache
def maps() -> Sequence[tuple[_Record, Any]]:
    """Return the records of one message, or one map, and what it is."""
    out = []
    for record in records():
        unpacker = msgpack.Unpacker()
        unpacker.feed(record[2])
        values = list(unpacker)
        if len(values) == 1:
            out.append((record, values[0]))
    return out


class _Packer:
    """Compresses as a writer does: one frame over all records of a stream."""

    def __init__(self) -> None:
        self._streams: dict[int, Any] = {}

    def pack(self, kind: bytes, stream: int, payload: bytes) -> bytes:
        if kind in (b"SUMM", b"INDX"):
            packed = _zstd.compress(payload)
        elif kind in (b"CHNK", b"DONE"):
            zstd = self._streams.setdefault(stream, None) or _zstd.compressobj()
            self._streams[stream] = zstd
            packed = zstd.compress(payload) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        else:
            packed = payload
        return HEADER.pack(kind, stream, len(packed), len(payload), crc32(packed)) + packed


def assemble(parts: Sequence[_Record], *, trailer: bool = True) -> bytes:
    """Return the clip of those records."""
    packer, out, index = _Packer(), bytearray(clip()[: START.size]), 0
    for kind, stream, payload in parts:
        if kind == b"INDX":
            index = len(out)
        out += packer.pack(kind, stream, payload)
    return bytes(out) + (TRAILER.pack(index, TRAILER_MAGIC) if trailer else b"")


def hostile(target: str, chance: random.Random) -> bytes:
    """Return one mutated clip."""
    match target:
        case "bytes":
            return mutate(clip(), chance)
        case "records":
            return _shuffled(chance)
        case "messages":
            return assemble(list(_lying(chance)), trailer=chance.random() < 0.3)
        case _:
            kind, stream, _ = records()[-1]
            value = maps()[-1][1]
            for _ in range(chance.randint(1, 3)):
                value = mutate_value(value, chance)
            return clip_with_index((kind, stream, _packed(value)))


def clip_with_index(index: _Record) -> bytes:
    """Return the clip as it is, with another index."""
    body = _original_body()
    return body + _Packer().pack(*index) + TRAILER.pack(len(body), TRAILER_MAGIC)


@cache
def _original_body() -> bytes:
    data = clip()
    return data[: TRAILER.unpack(data[-TRAILER.size :])[0]]


def _packed(value: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    except (OverflowError, ValueError, TypeError):
        return b"\xc1"
    return packed


def _lying(chance: random.Random) -> Iterator[_Record]:
    """Yield the records; in one or a few of them the messages are not what they were."""
    for record in records():
        kind, stream, payload = record
        if chance.random() > 0.15:
            yield record
        elif chance.random() < 0.5:
            yield kind, stream, mutate(payload, chance)
        else:
            value = next((value for known, value in maps() if known is record), {"type": chance.choice(("gone", "x"))})
            yield kind, stream, _packed(mutate_value(value, chance))


def _shuffled(chance: random.Random) -> bytes:
    """Return the clip with records lost, twice, exchanged, of other streams; or with headers that lie."""
    parts = list(records())
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(parts))
        kind, stream, payload = parts[at]
        match chance.randrange(5):
            case 0:
                del parts[at]
            case 1:
                parts.insert(chance.randrange(len(parts)), parts[at])
            case 2:
                parts[at] = chance.choice(_KINDS), stream, payload
            case 3:
                parts[at] = kind, chance.choice((0, 1, 2, 0xFFFFFFFF)), payload
            case 4:
                parts[at] = kind, stream, bytes(chance.choice((0, 1, 100_000)))
        if not parts:
            break
    data = bytearray(assemble(parts, trailer=chance.random() < 0.5))
    if chance.random() < 0.3 and parts:
        _lie(data, chance)
    return bytes(data)


def _lie(data: bytearray, chance: random.Random) -> None:
    """Change a field of a record's header."""
    offset = START.size
    for _ in range(chance.randrange(8)):
        record = read_header(io.BytesIO(data), offset, len(data))
        if record is None or record.end + HEADER.size > len(data):
            break
        offset = record.end
    field = offset + chance.choice((4, 8, 12, 16))
    if field + 4 <= len(data):
        data[field : field + 4] = chance.choice(_SIZES).to_bytes(4, "little")


def run(target: str, chance: random.Random) -> None:
    """Open one mutated clip, and read all there is to read of it; what is read has to make sense."""
    clip = Clip(io.BytesIO(hostile(target, chance)))
    for info in clip.processes[:3]:
        process = info.process
        start, end = clip.span(process)
        timeline = clip.timeline(process)
        assert all(len(column) == len(timeline.start) for column in (timeline.end, *timeline.series.values()))
        for _ in clip.messages(process, start, (start + end) // 2 if chance.random() < 0.5 else None):
            pass
        clip.events(process)
        overview = clip.overview(process)
        if chance.random() < 0.1:
            encode(overview)
            Profile.read(info, overview)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for target in options.targets or TARGETS:
        rate = fuzz(target, options.runs, options.seed, lambda line: print(line, flush=True), run)
        print(f"{target}: {options.runs:,} executions, {rate:,.0f} a second, no finding", flush=True)


if __name__ == "__main__":
    main()
