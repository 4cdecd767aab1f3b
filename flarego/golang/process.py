"""Attaching to a Go process: from a pid to everything the samplers need to know about it."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from flarego.errors import FlareError, NotAttachable, UnsupportedGo
from flarego.golang.anchors import Addresses, Finder, code_targets
from flarego.golang.buildinfo import BuildInfo, find_version, read_build_info
from flarego.golang.elf import PF_W
from flarego.golang.functions import RuntimeFunctions
from flarego.golang.host import inner_pids, read_mappings, read_stat
from flarego.golang.image import Image
from flarego.golang.labels import SLICE_SINCE, LabelReader
from flarego.golang.layout import Release, parse_version, release_for
from flarego.golang.modules import ModuleData, all_modules, find_function_table, find_module_data
from flarego.golang.objects import WaitObjects
from flarego.golang.runtime import RuntimeReader
from flarego.golang.symbols import Symbols
from flarego.golang.validate import validate
from flarego.native import SPECIAL_FUNCTIONS, Memory, Tables

_USER_STARTS = frozenset({"runtime.main", "runtime.corostart", "runtime.handleAsyncEvent"})
_MAX_DATA = 64 << 20
_ATTEMPTS = 5
_PAUSE_S = 0.005
_WRAPPER_IDS = ((25, 23), (22, 22), (0, 21))
"""abi.FuncIDWrapper by the first minor version that has it."""


@dataclass
class GoProcess:
    """A Go process that has been understood. Close it when done; the process itself is never touched."""

    pid: int
    start_time: int
    name: str
    version: str
    module: str
    build_id: str
    memory: Memory
    tables: Tables
    layout: dict[str, int]
    reasons: list[str]
    symbols: Symbols
    labels: LabelReader
    runtime: RuntimeReader
    objects: WaitObjects
    release: Release
    addresses: Addresses
    system_starts: bytes
    """Sorted u64 entries of the functions that the runtime's own goroutines start in."""
    traces_labels: bool
    """The program's own tracebacks print labels in a goroutine's header."""
    _image: Image = field(repr=False)

    @property
    def minor(self) -> int:
        return self.release.minor

    def is_same(self) -> bool:
        """Tell whether the pid is still this very process, running the same program."""
        try:
            return read_stat(self.pid).start_time == self.start_time and self._image.is_current()
        except FlareError:
            return False

    def close(self) -> None:
        self._image.close()

    def __enter__(self) -> GoProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attach(pid: int) -> GoProcess:
    """Return what there is to know about the Go process `pid`, checked against the live process.

    Raises NoSuchProcess, NotAttachable, PermissionRefused, ProcessGone, UnsupportedGo, CorruptBinary.
    """
    stat = read_stat(pid)
    image = Image(pid)
    try:
        return _understand(image, stat.name, stat.start_time)
    except BaseException:
        image.close()
        raise


def _understand(image: Image, name: str, start_time: int) -> GoProcess:
    table = find_function_table(image)
    info = _build_info(image)
    release = _release(image, info)
    first = find_module_data(image, table, release)
    image.serve_from_file(*first.pclntab)
    modules = list(all_modules(image, first, release))
    tables = _tables(image.memory, modules, release)
    functions = RuntimeFunctions(image, tables, first)
    addresses, release = _find(image, release, functions, first)
    for special in SPECIAL_FUNCTIONS:
        if special in functions.entries:
            tables.set_special(special, functions.entries[special])
    layout = make_layout(release, addresses, image.pid)
    validate(image.memory, layout, len(release.reasons), release.version)
    minor = release.minor
    symbols = Symbols(
        image.memory, tables, modules, node_size=release.shape("inlinedCall").size,
        wrapper_id=next(number for since, number in _WRAPPER_IDS if minor >= since), minor=minor,
    )  # fmt: skip
    return GoProcess(
        pid=image.pid, start_time=start_time, name=name, version=info.version, module=info.module,
        build_id=image.elf.build_id(), memory=image.memory, tables=tables, layout=layout,
        reasons=list(release.reasons), symbols=symbols, labels=LabelReader(image.memory, minor),
        runtime=RuntimeReader(image.memory, release, addresses), objects=WaitObjects(image.memory, release),
        release=release, addresses=addresses,
        system_starts=_system_starts(functions), traces_labels=_traces_labels(image.pid, info, minor), _image=image,
    )  # fmt: skip


def _build_info(image: Image) -> BuildInfo:
    info = read_build_info(image.elf)
    if info:
        return info
    for segment in image.elf.loads:
        if segment.flags & PF_W:
            start, size = segment.address + image.bias, min(segment.file_size, _MAX_DATA)
            version = find_version(image.memory.read_some(start, size), image.memory.read_some)
            if version:
                return BuildInfo(version, "", {})
    raise UnsupportedGo(
        f"process {image.pid} is a Go program that does not say which version of Go built it",
        remedy="Go 1.18 and later write it into every program; was it removed after the build?",
    )


def _release(image: Image, info: BuildInfo) -> Release:
    """Return the table's entry for the version; for a version the table lacks, what the program's DWARF says."""
    try:
        return release_for(info.version)
    except UnsupportedGo:
        version = parse_version(info.version)
        if version is None or version.minor < 19:
            raise
        from flarego.golang.dwarf import RuntimeDwarf  # 30 ms to import, and hardly ever needed

        try:
            with Path(f"/proc/{image.pid}/exe").open("rb") as stream:
                dwarf = RuntimeDwarf(stream)
                shapes = {name: (shape,) for name, shape in dwarf.shapes().items()}
                return Release(info.version, shapes, [dwarf.reasons()], "the program's own DWARF")
        except (LookupError, OSError):
            pass
        raise


def _tables(memory: Memory, modules: list[ModuleData], release: Release) -> Tables:
    size = release.shape("_func").size
    try:
        return Tables(memory, [module.native(size) for module in modules])
    except ValueError:
        raise NotAttachable("the Go function table in the process is malformed") from None


def _find(image: Image, release: Release, functions: RuntimeFunctions, module: ModuleData) -> tuple[Addresses, Release]:
    """Find the runtime's variables; again when the process moved under our eyes (a thread came, a stack grew)."""
    start, end = functions.span
    targets = code_targets(image.memory.read_some(start, end - start), start, module.data)
    for attempt in range(_ATTEMPTS):
        finder = Finder(image.memory, release, targets, inner_pids(image.pid))
        try:
            addresses, fitting = finder.find()
            return addresses, fitting.with_reasons(finder.find_reasons())
        except UnsupportedGo:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("unreachable")


def make_layout(release: Release, addresses: Addresses, pid: int) -> dict[str, int]:
    """Return what the native sampler wants to know, by the names in native.LAYOUT_FIELDS and a few more."""
    g, m, sudog = release.shape("g"), release.shape("m"), release.shape("sudog")
    layout = {f"g.{name}": g.offset(name) for name in (
        "stack.lo", "stack.hi", "m", "sched.sp", "sched.pc", "sched.bp", "syscallsp", "syscallpc", "stktopsp",
        "atomicstatus", "goid", "schedlink", "waitsince", "waitreason", "trackingSeq", "parkingOnChan", "lockedm",
        "gopc", "startpc", "waiting", "labels", "timer",
    )}  # fmt: skip
    layout |= {f"g.{name}": g.offset_or_zero(name) for name in ("syscallbp", "parentGoid", "sleepWhen")}
    layout |= {f"m.{name}": m.offset(name) for name in ("g0", "gsignal", "curg", "p", "procid", "alllink")}
    layout |= {
        "g.size": g.size,
        "timer.when": release.shape("timer").offset("when"),
        "sudog.g": sudog.offset("g"),
        "sudog.elem": sudog.offset("elem", "elem.vp"),
        "sudog.c": sudog.offset("c", "c.maybeTraceablePtr.vp"),
        "sudog.waitlink": sudog.offset("waitlink"),
        "pollDesc.fd": release.shape("pollDesc").offset("fd") if release.shapes.get("pollDesc") else 8,
        "reason.sleep": list(release.reasons).index("sleep"),
        "labels.slice": int(release.minor >= SLICE_SINCE),
        "allgs": addresses.allgs,
        "allm": addresses.allm,
        "m0": addresses.m0,
        "g0": addresses.g0,
    }
    return layout | _vdso(pid)


def _vdso(pid: int) -> dict[str, int]:
    for mapping in read_mappings(pid):
        if mapping.name == "[vdso]":
            return {"vdso.start": mapping.start, "vdso.end": mapping.end}
    return {"vdso.start": 0, "vdso.end": 0}


def _system_starts(functions: RuntimeFunctions) -> bytes:
    entries = {entry for name, entry in functions.matching("runtime.") if name not in _USER_STARTS}
    return array("Q", sorted(entries)).tobytes()


def _traces_labels(pid: int, info: BuildInfo, minor: int) -> bool:
    """Go 1.27 prints labels unless GODEBUG says tracebacklabels=0, which go.mod files of older versions imply."""
    settings = dict(info.godebug)
    try:
        for item in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if item.startswith(b"GODEBUG="):
                pairs = item[8:].decode("utf-8", "replace").split(",")
                settings.update(pair.partition("=")[::2] for pair in pairs if "=" in pair)
    except OSError:
        pass
    return settings.get("tracebacklabels", "1" if minor >= 27 else "0") == "1"
