"""Attaching finds the runtime's variables where the symbol table says they are, with or without one."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from dataclasses import asdict
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from targets import Target, build, toolchains

from flarego.golang import GoProcess, attach
from flarego.golang.traceback import call_stack
from flarego.native import Sampler

MODULE = "example.com/targets"
NAMES = {"gc_controller": "gcController"}
FORMS = ["default", "pie", "cgo", "cgo-pie", "external", "static"]


def symbol_addresses(binary: Path) -> dict[str, int]:
    with binary.open("rb") as file:
        symtab = ELFFile(file).get_section_by_name(".symtab")
        return {s.name.removeprefix("runtime."): s["st_value"] for s in symtab.iter_symbols() if "runtime." in s.name}


def link_time_addresses(process: GoProcess) -> dict[str, int]:
    bias = process._image.bias
    return {NAMES.get(name, name): address - bias for name, address in asdict(process.addresses).items()}


def assert_right(process: GoProcess, truth: dict[str, int]) -> None:
    found = link_time_addresses(process)
    assert found == {name: truth[name] for name in found}


def stripped_twin(binary: Path, folder: Path) -> Path:
    """The same program at the same addresses, without symbols and without section headers."""
    twin = folder / binary.name
    subprocess.run(["strip", "--strip-all", "-o", str(twin), str(binary)], check=True)
    data = bytearray(twin.read_bytes())
    data[0x28:0x30] = bytes(8)  # e_shoff
    data[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    twin.write_bytes(data)
    return twin


@pytest.mark.parametrize("version", toolchains())
def test_addresses_are_those_of_the_symbol_table(version: str, tmp_path: Path) -> None:
    binary = build("states", version)
    truth = symbol_addresses(binary)
    for program in (binary, stripped_twin(binary, tmp_path)):
        with Target(program) as target, attach(target.pid) as process:
            assert_right(process, truth)
            assert process.version.startswith(f"go{version}")


@pytest.mark.parametrize("form", FORMS)
def test_every_way_of_building(form: str, tmp_path: Path) -> None:
    binary = build("states", form=form)
    truth = symbol_addresses(binary)
    for program in (binary, stripped_twin(binary, tmp_path)):
        with Target(program) as target, attach(target.pid) as process:
            assert_right(process, truth)


@pytest.mark.parametrize("form", ["stripped", "stripped-pie", "trimpath", "cgo-stripped"])
def test_production_builds(form: str) -> None:
    with Target("states", form=form) as target, attach(target.pid) as process:
        assert process.symbols.entry((process.tables.find(process._image.bias or 0x401000) and 0) or 0) is not None
        assert process.module == MODULE
        assert process.build_id


def test_executable_replaced_on_disk(tmp_path: Path) -> None:
    program = Path(shutil.copy(build("states"), tmp_path / "server"))
    with Target(program) as target:
        replacement = tmp_path / "new"
        replacement.write_bytes(b"#!/bin/sh\n")
        replacement.rename(program)
        with attach(target.pid) as process:
            assert process.module == MODULE
            assert process.is_same()


@pytest.mark.parametrize("form", ["default", "pie", "cgo-pie"])
def test_reading_does_not_grow_the_target(form: str) -> None:
    """Tables and code come from the file: nothing of them is faulted into the process's resident set."""
    with Target("states", form=form) as target:
        before = resident_file_pages(target.pid)
        with attach(target.pid) as process:
            entries = array("Q", process.tables.functions(0)[0])
            assert len({process.symbols.frames(pc + 1)[0].function for pc in entries[::8]}) > 100
        assert resident_file_pages(target.pid) - before <= 16


def resident_file_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[2])


def test_programs_without_build_info(tmp_path: Path) -> None:
    binary = build("states")
    data = binary.read_bytes().replace(b"\xff Go buildinf:", b"\xff no buildinf:")
    program = tmp_path / "anonymous"
    program.write_bytes(data)
    program.chmod(0o755)
    with Target(program) as target, attach(target.pid) as process:
        assert process.version == "go1.27.3"
        assert process.module == ""


def test_plugins_bring_their_own_functions() -> None:
    part = build("pluginpart", form="plugin")
    with Target("pluginhost", part, form="cgo") as target, attach(target.pid) as process:
        stacks = Sampler(process.memory, process.tables, process.layout).snapshot()
        functions = {f.function for goroutine in stacks for f in call_stack(goroutine, process.symbols)}
        assert any(name.endswith(("pluginpart.Wait", "plugin.Wait")) for name in functions)


@pytest.mark.parametrize("version", toolchains())
@pytest.mark.parametrize("program", ["garbage", "churn"])
def test_a_busy_process_is_understood_every_time(program: str, version: str) -> None:
    """It allocates, collects and starts goroutines while we look; nothing else may be taken for its variables."""
    with Target(program, version=version) as target:
        found = set()
        for _ in range(15):
            with attach(target.pid) as process:
                found.add(tuple(link_time_addresses(process).items()))
        truth = symbol_addresses(build(program, version))
    assert found == {tuple((name, truth[name]) for name, _ in next(iter(found)))}


@pytest.mark.parametrize("percent", ["off", "0", "1", "50", "400"])
def test_any_gogc(percent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOGC", percent)
    with Target("garbage") as target, attach(target.pid) as process:
        assert_right(process, symbol_addresses(build("garbage")))
