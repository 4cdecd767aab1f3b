"""From what the user typed to one live process."""

from __future__ import annotations

import fnmatch
import os
import platform
import pwd
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flarego.errors import AmbiguousTarget, FlareError, NoSuchProcess, NotAttachable
from flarego.golang.buildinfo import BuildInfo, read_build_info
from flarego.golang.elf import Elf
from flarego.golang.host import read_stat
from flarego.golang.layout import release_for

_POLL_S = 0.25
_MAX_LISTED = 8
_MAX_COMMAND = 4096
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Found:
    """A process as the operating system tells of it. Equal pids with other start times are other processes."""

    pid: int
    name: str
    command: str
    start_time: int
    """Clock ticks since boot, as in /proc/PID/stat."""
    user: str

    @property
    def started(self) -> float:
        """Unix seconds."""
        return _boot_time() + self.start_time / _TICKS_PER_S

    def state(self) -> str:
        """Return the letter of its state, as in /proc/PID/stat (Z: a zombie); "" when the process is no more."""
        try:
            now = read_stat(self.pid)
        except FlareError:
            return ""
        return now.state if now.start_time == self.start_time else ""


@dataclass(frozen=True)
class Listed(Found):
    """A Go process and what can be said of it without attaching."""

    runtime: str
    version: str
    module: str
    why: str
    """Why it cannot be attached to; "" when it can."""

    @property
    def attachable(self) -> bool:
        return not self.why


def check_machine() -> None:
    """Raise NotAttachable on a machine whose processes cannot be read."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise NotAttachable(
            f"flarego reads processes on Linux x86-64 so far, not on {platform.system()} {platform.machine()}",
            remedy="run it where the target runs, on an x86-64 machine",
        )


def by_pid(pid: int) -> Found:
    """Return the process with that pid. Raises NoSuchProcess, also for the id of a thread."""
    found = describe(pid)
    group = _thread_group(pid)
    if group != pid:
        raise NoSuchProcess(f"{pid} is a thread of process {group}", remedy=f"attach to the process: --pid {group}")
    return found


def by_name(pattern: str) -> Found:
    """Return the process that `pattern` names. Raises NoSuchProcess, AmbiguousTarget.

    A process is named by its name or its program's: as a whole, else by a pattern ('api*'), else by a part. Among
    several, those that run Go programs are meant.
    """
    named = _named(pattern)
    if not named:
        raise NoSuchProcess(
            f"no process is named {_printable(pattern)!r}",
            remedy="`flarego ps` lists what there is; --wait waits for it to start",
        )
    matches = _go_programs(named) or named
    if len(matches) > 1:
        lines = [f"  {found.pid}  {found.command[:100]}" for found in matches[:_MAX_LISTED]]
        more = len(matches) - _MAX_LISTED
        text = "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))
        raise AmbiguousTarget(
            f"{len(matches)} processes are named {_printable(pattern)!r}:\n{text}", remedy="choose one with --pid"
        )
    return matches[0]


def wait_for(pid: int | None, pattern: str | None) -> Found:
    """Return the target as soon as there is one."""
    while True:
        try:
            return by_pid(pid) if pid is not None else by_name(pattern or "")
        except NoSuchProcess:
            time.sleep(_POLL_S)


def listed() -> tuple[list[Listed], int]:
    """Return every process that runs a Go program, by pid, and how many we may not look at and so cannot tell."""
    processes, hidden = [], 0
    for pid in pids():
        try:
            info = build_info(pid)
            if info:
                why = _why_not(pid, info)
                processes.append(Listed(**vars(describe(pid)), runtime="go", version=info.version,
                                        module=_printable(info.module), why=why))  # fmt: skip
        except PermissionError:
            hidden += 1
        except FlareError:
            continue
    return processes, hidden


def _named(pattern: str) -> list[Found]:
    processes = list(_all())
    rules: tuple[Callable[[str], bool], ...] = (
        lambda name: name == pattern,
        lambda name: fnmatch.fnmatchcase(name, pattern),
        lambda name: pattern in name,
    )
    for rule in rules:
        matches = [found for found in processes if any(map(rule, names_of(found)))]
        if matches and pattern:
            return matches
    return []


def _go_programs(processes: list[Found]) -> list[Found]:
    found = []
    for process in processes:
        with suppress(PermissionError):
            found += [process] if build_info(process.pid) else []
    return found


def names_of(found: Found) -> tuple[str, str]:
    """Return what a pattern may name it by: its name, and its program's."""
    return found.name, Path(found.command.split(" ", 1)[0]).name


def pids() -> Iterator[int]:
    """Yield the pids of all processes but ourselves."""
    own = os.getpid()
    for entry in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208
        if entry != own:
            yield entry


def _all() -> Iterator[Found]:
    for pid in pids():
        try:
            yield describe(pid)
        except FlareError:
            continue


def describe(pid: int) -> Found:
    """Return what there is to know. Raises NoSuchProcess, ProcessGone."""
    process = read_stat(pid)
    arguments = _arguments(pid)
    program = Path(arguments[0]).name if arguments else ""
    name = program if program.startswith(process.name) else process.name  # the kernel keeps 15 bytes of it
    command = " ".join(arguments) or process.name
    return Found(pid, _printable(name), _printable(command), process.start_time, _user(pid))


def _arguments(pid: int) -> list[str]:
    try:
        with Path(f"/proc/{pid}/cmdline").open("rb") as file:
            text = file.read(_MAX_COMMAND).decode("utf-8", "replace")
    except OSError:
        return []
    return text.rstrip("\0").split("\0") if text.strip("\0") else []


def _user(pid: int) -> str:
    try:
        return _user_name(Path(f"/proc/{pid}").stat().st_uid)
    except OSError:
        return ""


@cache
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@cache
def _boot_time() -> int:
    with Path("/proc/stat").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _thread_group(pid: int) -> int:
    """Return the process that a thread belongs to; /proc answers to thread ids too, though it does not list them."""
    try:
        with Path(f"/proc/{pid}/status").open("rb") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(b"Tgid:"))
    except (OSError, StopIteration):
        return pid


def _printable(text: str) -> str:
    """Processes choose their names: no escape sequence of theirs may reach a terminal, no odd byte the stream."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def build_info(pid: int) -> BuildInfo | None:
    """Return what the process's program says of itself; None for one that is not Go, and for a kernel thread.

    Raises PermissionError when the process is another's and its program is not to be found by its first argument.
    """
    try:
        return _read_program(f"/proc/{pid}/exe")
    except PermissionError:
        arguments = _arguments(pid)
        if not arguments:
            return None
        try:
            info = _read_program(arguments[0]) if arguments[0].startswith("/") else None
        except OSError:
            info = None
        if info is None:
            raise
        return info
    except OSError:
        return None


_programs: dict[tuple[int, int, int], BuildInfo | None] = {}


def _read_program(path: str) -> BuildInfo | None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a stranger's argument may be a pipe
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        key = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if key not in _programs:
            _programs[key] = _read_build_info(fd)
        return _programs[key]
    finally:
        os.close(fd)


def _read_build_info(fd: int) -> BuildInfo | None:
    try:
        elf = Elf(fd)
        named = not elf.sections or ".go.buildinfo" in elf.sections
        return read_build_info(elf) if named else None  # without sections it must be searched for
    except FlareError:
        return None


def may_be_read(pid: int) -> bool:
    """Return whether this user may read the process's memory. Raises OSError when it is gone."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC))  # the check that process_vm_readv makes
    except PermissionError:
        return False
    return True


def _why_not(pid: int, info: BuildInfo) -> str:
    """Return why the process cannot be attached to, "" when nothing is known against it."""
    try:
        if not may_be_read(pid):
            return "not permitted"
        release_for(info.version)
    except FlareError:
        return "this Go version is not known; its debug information may do"
    except OSError as e:
        return e.strerror or str(e)
    return ""


__all__ = [
    "Found",
    "Listed",
    "build_info",
    "by_name",
    "by_pid",
    "check_machine",
    "describe",
    "listed",
    "may_be_read",
    "names_of",
    "pids",
    "wait_for",
]
