"""Attaching to what ends, changes or has only just begun."""

from __future__ import annotations

import gc
import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from targets import Target, build

from flarego.agent.enter import attach_to, stays_itself
from flarego.agent.find import by_pid
from flarego.errors import CorruptBinary, FlareError, NotAttachable, ProcessGone


@pytest.mark.parametrize("after_ms", range(0, 60, 6))
def test_one_that_exits_meanwhile_has_gone(after_ms: int) -> None:
    """Whatever it was that could not be read any more."""
    with Target("pause") as target:
        found = by_pid(target.pid)
        timer = threading.Timer(after_ms / 1000, target.process.kill)
        timer.start()
        try:
            attach_to(found).close()
        except FlareError as e:
            assert isinstance(e, ProcessGone) or "zombie" in e.message, e  # killed before the first look
            assert str(target.pid) in e.message
        timer.join()


@pytest.mark.parametrize("after_ms", range(0, 60, 12))
def test_one_that_runs_its_program_again_meanwhile_has_gone_or_is_known_anew(after_ms: int) -> None:
    with Target("execself") as target:
        found = by_pid(target.pid)
        timer = threading.Timer(after_ms / 1000, target.send, ["exec"])
        timer.start()
        try:
            attach_to(found).close()
        except ProcessGone as e:
            assert str(target.pid) in e.message  # during exec its first thread is seen as a zombie for a moment
        timer.join()


def test_one_as_young_as_can_be() -> None:
    """Its runtime sets itself up while we look; that is not a layout we do not know."""
    program = build("pause")
    for _ in range(30):
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                attach_to(by_pid(process.pid)).close()
            finally:
                process.kill()


def test_a_pid_that_is_another_process_by_now() -> None:
    with Target("pause") as target:
        found = by_pid(target.pid)
        before = replace(found, start_time=found.start_time - 1)
        with pytest.raises(ProcessGone, match="exited"):
            attach_to(before)


def test_a_zombie_is_called_a_zombie() -> None:
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(NotAttachable, match="zombie"):
        attach_to(by_pid(process.pid))
    process.wait()


def test_nothing_is_left_open() -> None:
    """Neither when it works nor when it does not."""
    with Target("pause") as target:
        found = by_pid(target.pid)
        attach_to(found).close()
        gc.collect()
        before = set(Path("/proc/self/fd").iterdir())
        attach_to(found).close()
        with pytest.raises(ProcessGone):
            attach_to(replace(found, start_time=1))
        gc.collect()
        assert set(Path("/proc/self/fd").iterdir()) == before


def test_other_failures_are_typed() -> None:
    found = by_pid(os.getpid())
    with pytest.raises(FlareError), stays_itself(found):
        Path("/proc/self/no-such-file").read_bytes()
    with pytest.raises(FlareError, match="not permitted"), stays_itself(found):
        raise PermissionError(1, "no")


def test_a_function_table_that_makes_no_sense(tmp_path: Path) -> None:
    """Go itself starts with it: it looks functions up only when it needs them."""
    source = build("pause")
    data = bytearray(source.read_bytes())
    with source.open("rb") as file:
        table = int(ELFFile(file).get_section_by_name(".gopclntab")["sh_offset"])
    n_functions = int.from_bytes(data[table + 8 : table + 16], "little")
    entries = table + int.from_bytes(data[table + 64 : table + 72], "little")  # pcHeader.pclnOffset, runtime/symtab.go
    data[entries + 8 * (n_functions - 1) + 4 : entries + 8 * n_functions] = b"\xff" * 4
    program = tmp_path / "corrupt"
    program.write_bytes(data)
    program.chmod(0o755)
    with (
        Target(program) as target,
        pytest.raises(CorruptBinary, match=rf"process {target.pid} \(corrupt\) contradicts"),
    ):
        attach_to(by_pid(target.pid))
