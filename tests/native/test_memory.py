"""Memory: this very process, files and bytes behind one face."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from flarego.native import Memory


def test_it_reads_this_process() -> None:
    text = ctypes.create_string_buffer(b"hello, world" * 1000)
    assert Memory(os.getpid()).read(ctypes.addressof(text), 12) == b"hello, world"


def test_an_unmapped_address_is_a_fault_and_not_a_crash() -> None:
    with pytest.raises(OSError, match="Bad address"):
        Memory(os.getpid()).read(8, 8)
    with pytest.raises(OSError, match="Bad address"):
        Memory(os.getpid()).read(2**64 - 4, 8)


def test_a_process_that_is_gone_says_so() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(ProcessLookupError):
        Memory(pid).read(4096, 8)
    with pytest.raises(ProcessLookupError):
        Memory(pid).read_spans([(4096, 8)])


def test_spans_come_back_in_order_with_none_for_what_cannot_be_read() -> None:
    text = ctypes.create_string_buffer(b"0123456789")
    at = ctypes.addressof(text)
    spans = [(at, 2), (8, 4), (at + 4, 3), (16, 1), (at + 9, 1)]
    assert Memory(os.getpid()).read_spans(spans) == [b"01", None, b"456", None, b"9"]


def test_more_spans_than_one_call_takes() -> None:
    text = ctypes.create_string_buffer(bytes(range(256)) * 16)
    at = ctypes.addressof(text)
    spans = [(at + i, 1) if i % 700 else (8, 1) for i in range(3000)]
    read = Memory(os.getpid()).read_spans(spans)
    assert read == [bytes([i % 256]) if i % 700 else None for i in range(3000)]


def test_files_and_bytes_are_read_where_they_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"-" * 100 + b"from the file")
    memory = Memory(0)
    with path.open("rb") as file:
        memory.add_file(0x2000, 0x2000 + 13, file.fileno(), 100)
    memory.add_bytes(0x2000 + 13, b", from bytes")
    assert memory.read(0x2000, 25) == b"from the file, from bytes"
    assert memory.read_some(0x2000 + 20, 100) == b"bytes"
    assert memory.read_spans([(0x2005, 3), (0x1000, 2), (0x200D, 6)]) == [b"the", None, b", from"]


def test_segments_may_not_overlap() -> None:
    memory = Memory(0)
    memory.add_bytes(100, b"x" * 50)
    for start, size in [(100, 1), (149, 2), (50, 51), (90, 100), (200, 0)]:
        with pytest.raises(ValueError, match="overlaps"):
            memory.add_bytes(start, b"x" * size)


def test_a_file_that_shrinks_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"x" * 8192)
    memory = Memory(0)
    with path.open("r+b") as file:
        memory.add_file(0x1000, 0x3000, file.fileno(), 0)
        file.truncate(100)
    assert len(memory.read_some(0x1000, 8192)) == 100
    with pytest.raises(OSError, match="Bad address"):
        memory.read(0x1000, 8192)
