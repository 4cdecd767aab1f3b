"""What cannot be attached to is refused with a typed error and one line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from targets import Target, build

from flarego.errors import CorruptBinary, FlareError, NoSuchProcess, NotAttachable, PermissionRefused
from flarego.golang import attach
from flarego.golang.elf import Elf
from flarego.golang.functions import RuntimeFunctions
from flarego.golang.host import read_stat
from flarego.golang.image import Image
from flarego.golang.layout import release_for
from flarego.golang.modules import find_function_table, find_module_data
from flarego.golang.process import _tables
from flarego.native import Memory

NOBODY = 65534


def test_no_such_process() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(NoSuchProcess, match=str(gone.pid)) as caught:
        attach(gone.pid)
    assert caught.value.remedy


def test_zombie() -> None:
    zombie = subprocess.Popen(["true"])
    while read_stat(zombie.pid).state != "Z":
        time.sleep(0.01)
    with pytest.raises(NotAttachable, match="zombie"):
        attach(zombie.pid)
    zombie.wait()


def test_kernel_thread() -> None:
    threads = [int(entry.name) for entry in Path("/proc").glob("[1-9]*") if is_kernel_thread(int(entry.name))]
    if not threads:
        pytest.skip("this pid namespace has no kernel threads")
    with pytest.raises(NotAttachable, match="kernel thread"):
        attach(threads[0])


def is_kernel_thread(pid: int) -> bool:
    try:
        return bool(read_stat(pid).flags & 0x00200000)
    except FlareError:
        return False


def test_a_program_that_is_not_go() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as python:
        time.sleep(0.1)
        with pytest.raises(NotAttachable, match="not a Go program"):
            attach(python.pid)


def test_a_32_bit_program() -> None:
    with Target("states", form="32-bit") as target, pytest.raises(NotAttachable, match="32-bit") as caught:
        attach(target.pid)
    assert "GOARCH" in (caught.value.remedy or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's process")
def test_another_users_process() -> None:
    with Target("states") as target:
        child = os.fork()
        if child == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                attach(target.pid)
            except PermissionRefused as error:
                os._exit(error.exit_code)
            finally:
                os._exit(100)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == PermissionRefused.exit_code


def elf_of(data: bytes, folder: Path) -> Elf:
    path = folder / "file"
    path.write_bytes(data)
    return Elf(os.open(path, os.O_RDONLY))


def patched(data: bytes, offset: int, form: str, value: int) -> bytes:
    out = bytearray(data)
    struct.pack_into(form, out, offset, value)
    return bytes(out)


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (lambda data: b"", NotAttachable, "not an ELF"),
        (lambda data: b"#!/bin/sh\n" + data, NotAttachable, "not an ELF"),
        (lambda data: data[:10], CorruptBinary, "cut off"),
        (lambda data: data[:40], CorruptBinary, "cut off"),
        (lambda data: data[:70], CorruptBinary, "cut off"),
        (lambda data: patched(data, 4, "B", 1), NotAttachable, "32-bit"),
        (lambda data: patched(data, 18, "<H", 183), NotAttachable, "arm64"),
        (lambda data: patched(data, 18, "<H", 8), NotAttachable, "machine type 8"),
        (lambda data: patched(data, 32, "<Q", 1 << 63), CorruptBinary, "cannot be read"),
        (lambda data: patched(data, 56, "<H", 0), CorruptBinary, "program headers"),
        (lambda data: patched(data, 54, "<H", 3), CorruptBinary, "program headers"),
    ],
)
def test_damaged_headers(damage: Callable[[bytes], bytes], error: type[FlareError], words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        elf_of(damage(build("states").read_bytes()[:4096]), tmp_path)


class FileImage(Image):
    """An executable as it would be loaded, without a process: position-dependent, so nothing needs relocation."""

    def __init__(self, path: Path) -> None:
        self.pid, self.bias = 0, 0
        self.fd = os.open(path, os.O_RDONLY)
        self.elf = Elf(self.fd)
        self.memory = Memory(0)
        for segment in self.elf.loads:
            data = self.elf.read(segment.offset, segment.file_size)
            if data:
                self.memory.add_bytes(segment.address, data)


def understand(path: Path) -> RuntimeFunctions:
    """All of discovery that needs no live process."""
    image = FileImage(path)
    try:
        release = release_for("go1.27.3")
        module = find_module_data(image, find_function_table(image), release)
        return RuntimeFunctions(image, _tables(image.memory, [module], release), module)
    finally:
        image.close()


def table_offset(program: Path) -> int:
    with program.open("rb") as file:
        return Elf(file.fileno()).sections[".gopclntab"].offset


def test_an_undamaged_program_is_understood_without_a_process() -> None:
    assert "runtime.main" in understand(build("states")).entries


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\0"),  # magic
        (6, b"\x09"),  # quantum
        (7, b"\x04"),  # size of a pointer
        (8, bytes(8)),  # number of functions
        (8, (1 << 40).to_bytes(8, "little")),
        (16, (1 << 40).to_bytes(8, "little")),  # number of files
        (32, (1 << 50).to_bytes(8, "little")),  # where names are
        (32, (8).to_bytes(8, "little")),
        (64, bytes(8)),  # where functions are
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_damaged_function_table(at: int, value: bytes, named: bool, tmp_path: Path) -> None:
    program = build("states")
    data = bytearray(program.read_bytes())
    offset = table_offset(program) + at
    data[offset : offset + len(value)] = value
    if not named:
        data[0x28:0x30] = bytes(8)  # no section headers
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    with pytest.raises((NotAttachable, CorruptBinary)):
        understand(damaged)


def test_function_names_that_are_all_wrong(tmp_path: Path) -> None:
    program = build("states")
    data = program.read_bytes()
    start = table_offset(program)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data[:start] + data[start:].replace(b"\0runtime.main\0", b"\0ruNtime.main\0"))
    with pytest.raises(CorruptBinary, match=r"runtime\.main"):
        understand(damaged)


def test_every_possible_cut_is_a_typed_error(tmp_path: Path) -> None:
    data = build("states", form="stripped").read_bytes()
    damaged = tmp_path / "damaged"
    for size in [*range(0, 1024, 64), *range(4096, len(data), len(data) // 16)]:
        damaged.write_bytes(data[:size])
        with pytest.raises(FlareError):
            understand(damaged)
