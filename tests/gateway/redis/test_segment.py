"""What lies in one entry: what was put in comes out, and nothing that is not ours gets further."""

from __future__ import annotations

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from flarego.gateway.redis.segment import MAX_RAW, BadSegment, pack, unpack

numbered = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=300)), max_size=20)


@given(numbered)
def test_what_is_packed_is_unpacked(messages: list[tuple[int, bytes]]) -> None:
    assert list(unpack(*pack(messages))) == messages


@given(numbered, st.data())
def test_what_is_damaged_is_refused(messages: list[tuple[int, bytes]], data: st.DataObject) -> None:
    size, packed = pack([*messages, (1, b"end")])
    at = data.draw(st.integers(0, len(packed) - 1))
    damaged = packed[:at] + bytes([packed[at] ^ data.draw(st.integers(1, 255))]) + packed[at + 1 :]
    for entry in ((size, damaged), (size, packed[:at]), (size + 1, packed), (size, packed + b"x")):
        try:
            found = list(unpack(*entry))
        except BadSegment:
            continue
        assert found == [*messages, (1, b"end")], "a bit of the frame's head that means nothing"


@given(st.binary(max_size=200), st.integers(-5, MAX_RAW * 2))
def test_strangers_bytes_are_refused(data: bytes, size: int) -> None:
    with pytest.raises(BadSegment):
        list(unpack(size, data))


@pytest.mark.parametrize("raw", [b"\0" * 5, b"\1" + b"\0" * 7 + b"\xff\xff\xff\xff", b"x" * 13])
def test_frames_of_something_else_are_refused(raw: bytes) -> None:
    with pytest.raises(BadSegment):
        list(unpack(len(raw), zstandard.compress(raw)))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = zstandard.compress(bytes(MAX_RAW + 1))
    with pytest.raises(BadSegment):
        list(unpack(MAX_RAW + 1, bomb))
    with pytest.raises(BadSegment):
        list(unpack(100, bomb))
