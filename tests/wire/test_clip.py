"""Clips: what is written can be read, whatever ended the writing; what was not written by us is an error."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgpack
import pytest
import zstandard
from browser.synthetic import KINDS, Source, messages

from flarego.model.chunk import Chunk, Message, ProcessInfo
from flarego.model.merge import Merger
from flarego.model.profile import Profile
from flarego.wire.clip import Clip, ClipError, ClipTooNew, ClipWriteFailed, ClipWriter
from flarego.wire.clip.records import HEADER, MAGIC, MAX_PAYLOAD, START, TRAILER, read_header, write_record
from flarego.wire.clip.records import messages as messages_of
from flarego.wire.codec import decode, encode

SECONDS = 70


@pytest.fixture(scope="module")
def stream() -> list[Message]:
    """Seventy seconds of a process: three generations."""
    decoded = [decode(data) for data in messages(Source(), SECONDS)]
    return [message for message in decoded if message is not None]


def record(stream: Sequence[Message], *, close: bool = True) -> bytes:
    file = io.BytesIO()
    writer = ClipWriter(file)
    for message in stream:
        writer.write(message)
    if close:
        writer.close()
    assert writer.size == len(file.getvalue())
    return file.getvalue()


@pytest.fixture(scope="module")
def data(stream: list[Message]) -> bytes:
    return record(stream)


def chunks_of(stream: Sequence[Message | None]) -> list[Chunk]:
    return [message for message in stream if isinstance(message, Chunk)]


def opened(data: bytes) -> Clip:
    return Clip.open(io.BytesIO(data))


def everything(clip: Clip) -> list[Message]:
    return [message for info in clip.processes for message in clip.messages(info.process)]


def totals(chunks: Sequence[Chunk]) -> tuple[float, float]:
    return tuple(sum(sum(array("d", c.rows.get(name, b""))) for c in chunks) for name in ("wall", "cpu"))  # type: ignore[return-value]


def test_what_was_written_is_read(stream: list[Message], data: bytes) -> None:
    with opened(data) as clip:
        assert clip.problem == ""
        assert clip.head["clock"] == "monotonic" and clip.head["host"]["cpus"] > 0
        assert [encode(m) for m in everything(clip)] == [encode(m) for m in stream]
        assert len(clip.generations) >= 3
        process = clip.processes[0].process
        assert clip.span(process) == (chunks_of(stream)[0].start, chunks_of(stream)[-1].end)


def test_a_span_reads_its_generations_only_and_explains_itself(stream: list[Message], data: bytes) -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            out = super().read(size)
            self.taken += len(out)
            return out

    file = Counting(data)
    clip = Clip(file)
    info = clip.processes[0]
    opening, file.taken = file.taken, 0
    assert opening < len(data) / 2
    start, end = 41_000_000_000, 43_000_000_000
    found = [m for m in clip.messages(info.process, start, end) if isinstance(m, Chunk)]
    whole = [c for c in chunks_of(stream) if c.end > start and c.start < end]
    assert [c.sequence for c in found] == [c.sequence for c in whole]
    touched = [g for g in clip.generations if g.end > start and g.start < end]
    assert len(touched) == 1 and file.taken <= touched[0].size
    folded = Profile.fold(info, found)
    assert sum(row.wall for row in folded.rows) == pytest.approx(totals(whole)[0])


def test_summaries_and_overview_lose_no_time(stream: list[Message], data: bytes) -> None:
    clip = opened(data)
    info = clip.processes[0]
    wall, cpu = totals(chunks_of(stream))
    for merged in (list(clip.summaries(info.process)), [clip.overview(info.process)]):
        assert totals(merged) == (pytest.approx(wall), pytest.approx(cpu))
    assert clip.overview(info.process).end == chunks_of(stream)[-1].end
    profile = Profile.read(info, clip.overview(info.process))
    assert sum(row.count for row in profile.rows) == sum(array("I", chunks_of(stream)[-1].rows["count"]))


def test_merging_is_exact_and_pruning_keeps_the_sum(stream: list[Message]) -> None:
    merger = Merger()
    for chunk in chunks_of(stream):
        merger.add(chunk)
    last = chunks_of(stream)[-1]
    # Nobody is anywhere now: what is small need not stay.
    merger.add(Chunk(last.process, last.generation, last.sequence + 1, last.end, last.end + 1))
    whole, pruned = merger.chunk(), merger.chunk(0.2)
    assert totals([whole]) == (pytest.approx(totals([pruned])[0]), pytest.approx(totals([pruned])[1]))
    assert len(pruned.nodes["parent"]) < len(whole.nodes["parent"])
    again = Merger()
    again.add(whole)
    assert encode(again.chunk()) == encode(whole)


def test_the_timeline_covers_the_clip_in_bounded_points(data: bytes) -> None:
    clip = opened(data)
    process = clip.processes[0].process
    timeline = clip.timeline(process)
    assert (timeline.start[0], timeline.end[-1]) == clip.span(process)
    assert all(a <= b for a, b in zip(timeline.end, timeline.start[1:], strict=False))
    assert {"heap.live", "state.waiting", "state.running"} <= set(timeline.series)


def test_cut_at_every_byte_of_the_last_generation_nothing_before_is_lost() -> None:
    stream = [decode(data) for data in messages(Source(kinds=KINDS[:2]), 34)]
    assert stream[0] is not None
    chunks = chunks_of(stream)
    second = next(i for i, chunk in enumerate(chunks) if chunk.generation != chunks[0].generation)
    chunks = [*chunks[:10], *chunks[second : second + 6]]
    data = record([stream[0], *chunks])
    ends, offset, streams = [], START.size, set()
    while (found := read_header(io.BytesIO(data), offset, len(data))) is not None:
        offset = found.end
        if found.kind == b"CHNK" and found.stream in streams:  # each stream's first record introduces the process
            ends.append(offset)
        if found.kind == b"CHNK":
            streams.add(found.stream)
    assert len(ends) == len(chunks)
    whole = [encode(chunk) for chunk in chunks]
    for cut in range(opened(data).generations[-1].offset, len(data)):
        clip = opened(data[:cut])
        kept = sum(end <= cut for end in ends)
        assert [encode(chunk) for chunk in chunks_of(everything(clip))] == whole[:kept], cut
        assert clip.problem, cut
        assert clip.overview(clip.processes[0].process).end == chunks[kept - 1].end


def test_cut_before_anything_is_an_error() -> None:
    data = record([])
    for cut in range(len(data) - TRAILER.size):
        try:
            assert not everything(opened(data[:cut]))
        except ClipError as e:
            assert e.exit_code == 8 and e.remedy


def test_damage_ends_what_can_be_read_and_is_told(data: bytes) -> None:
    generation = opened(data).generations[1]
    hurt = bytearray(data)
    hurt[generation.offset + generation.size // 2] ^= 0x55
    with pytest.raises(ClipError, match="damaged at byte"):
        everything(opened(bytes(hurt)))
    cut = opened(bytes(hurt[: generation.offset + generation.size]))
    assert "damaged" in cut.problem
    assert everything(cut)


def test_a_damaged_index_is_made_again(stream: list[Message], data: bytes) -> None:
    hurt = bytearray(data)
    hurt[-TRAILER.size - 20] ^= 0xFF
    clip = opened(bytes(hurt))
    assert "index" in clip.problem
    assert [encode(m) for m in everything(clip)] == [encode(m) for m in stream]


def test_later_versions_are_refused_by_name(data: bytes, stream: list[Message]) -> None:
    with pytest.raises(ClipTooNew, match="version 9"):
        opened(START.pack(MAGIC, 9) + data[START.size :])
    later = msgpack.unpackb(encode(stream[0])) | {"version": 7}
    packed = msgpack.packb(later)
    file = io.BytesIO()
    ClipWriter(file)
    write_record(file, b"CHNK", 0, zstandard.compress(packed), len(packed))
    with pytest.raises(ClipTooNew, match="version 7"):
        opened(file.getvalue())


def test_unknown_records_and_fields_are_stepped_over(stream: list[Message]) -> None:
    file = io.BytesIO()
    writer = ClipWriter(file)
    writer.write(stream[0])
    for message in stream[1:5]:
        writer.write(message)
        writer.size += write_record(file, b"XTRA", 0, b"later", 5)
    writer.close()
    clip = opened(file.getvalue())
    assert clip.problem == "" and len(everything(clip)) == 5


@pytest.mark.parametrize("raw", [100, MAX_PAYLOAD, 0xFFFFFFFF])
def test_a_decompression_bomb_is_an_error(raw: int) -> None:
    bomb = zstandard.compress(bytes(1 << 30))
    file = io.BytesIO()
    ClipWriter(file)
    file.write(HEADER.pack(b"CHNK", 0, len(bomb), raw, crc32(bomb)) + bomb)
    try:
        assert opened(file.getvalue()).problem
    except ClipError as e:
        assert e.remedy


@pytest.mark.parametrize(
    "packed",
    [b"\x91" * 100_000, *(bytes([kind]) + b"\xff" * 4 for kind in (0xDD, 0xDF, 0xC6)), b"\xc1", b"\x93\x01"],
    ids=["nested", "array", "map", "bin", "never used", "short"],
)
def test_a_msgpack_bomb_is_an_error(packed: bytes) -> None:
    file = io.BytesIO()
    ClipWriter(file)
    write_record(file, b"CHNK", 0, zstandard.compress(packed), len(packed))
    assert "damaged" in opened(file.getvalue()).problem
    file = io.BytesIO(START.pack(MAGIC, 1))
    file.seek(0, io.SEEK_END)
    write_record(file, b"HEAD", 0, packed, len(packed))
    with pytest.raises(ClipError):
        opened(file.getvalue())


@pytest.mark.parametrize("levels, well", [(14, True), (15, False), (900, False)])
def test_what_is_nested_deeply_is_refused(stream: list[Message], levels: int, well: bool) -> None:
    deep = b"\x81\xa1a" * levels + b"\xc0"
    packed = encode(Chunk("7-1", 0, 0, 0, 1, events=[{"x": 1}])).replace(b"\x81\xa1x\x01", deep)
    if well:
        assert list(messages_of(packed))
    else:
        with pytest.raises(ClipError, match="events"):
            list(messages_of(packed))


def test_a_full_disk_is_one_clear_error(stream: list[Message]) -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(ClipWriteFailed, match="No space left"):
        ClipWriter(file)  # type: ignore[arg-type]


def test_several_processes_interleave(stream: list[Message]) -> None:
    file = io.BytesIO()
    writer = ClipWriter(file)
    others = [
        Chunk(**{**{k: getattr(m, k) for k in Chunk.__slots__}, "process": "9-9"}) if isinstance(m, Chunk) else m
        for m in stream
    ]
    info = stream[0]
    assert isinstance(info, ProcessInfo)
    writer.write(info)
    writer.write(ProcessInfo(**{**{k: getattr(info, k) for k in ProcessInfo.__slots__}, "process": "9-9", "pid": 9}))
    for one, other in zip(stream[1:], others[1:], strict=True):
        writer.write(one)
        writer.write(other)
    writer.close()
    clip = opened(file.getvalue())
    assert [p.process for p in clip.processes] == [info.process, "9-9"]
    for process in clip.processes:
        assert len([*clip.messages(process.process)]) == len(stream)


def test_a_struct_is_what_clip_md_says() -> None:
    assert START.size == 12 and HEADER.size == struct.calcsize("<4sIIII") == 20 and TRAILER.size == 16
