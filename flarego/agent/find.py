"""From what the user typed to one live process."""

from __future__ import annotations

import fnmatch
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from flarego.errors import AmbiguousTarget, FlareError, NoSuchProcess, NotAttachable
from flarego.golang.buildinfo import read_build_info
from flarego.golang.elf import Elf

_POLL_S = 0.1
_MAX_LISTED = 8


@dataclass(frozen=True)
class Found:
    """A process as the operating system tells of it."""

    pid: int
    name: str
    command: str
    started: float
    """Unix seconds."""
    user: str = ""


@dataclass(frozen=True)
class Listed(Found):
    """A process and what can be said of its runtime without attaching."""

    runtime: str = ""
    version: str = ""
    module: str = ""
    attachable: bool = False
    why: str = ""
    """Why not, when not attachable."""


def check_machine() -> None:
    """Raise NotAttachable on a machine whose processes cannot be read."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise NotAttachable(
            f"flarego reads processes on Linux x86-64 so far, not on {platform.system()} {platform.machine()}",
            remedy="run it where the target runs, on an x86-64 machine",
        )


def by_pid(pid: int) -> Found:
    """Return the process with that pid. Raises NoSuchProcess."""
    try:
        return _found(psutil.Process(pid))
    except psutil.NoSuchProcess:
        raise NoSuchProcess(
            f"no process with pid {pid}", remedy="`flarego ps` lists the Go processes that can be attached to"
        ) from None


def by_name(pattern: str) -> Found:
    """Return the one process whose name or program matches. Raises NoSuchProcess, AmbiguousTarget."""
    matches = [found for found in _all() if _matches(found, pattern)]
    if not matches:
        raise NoSuchProcess(
            f"no process is named {pattern!r}", remedy="`flarego ps` lists what there is; --wait waits for it to start"
        )
    if len(matches) > 1:
        lines = [f"  {found.pid}  {found.command[:100]}" for found in matches[:_MAX_LISTED]]
        more = len(matches) - _MAX_LISTED
        text = "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))
        raise AmbiguousTarget(
            f"{len(matches)} processes are named {pattern!r}:\n{text}", remedy="choose one with --pid"
        )
    return matches[0]


def wait_for(pid: int | None, pattern: str | None) -> Found:
    """Return the target as soon as there is one."""
    while True:
        try:
            return by_pid(pid) if pid is not None else by_name(pattern or "")
        except NoSuchProcess:
            time.sleep(_POLL_S)


def _matches(found: Found, pattern: str) -> bool:
    program = Path(found.command.split(" ", 1)[0]).name
    return any(fnmatch.fnmatchcase(name, pattern) for name in (found.name, program))


def _all() -> Iterator[Found]:
    for process in psutil.process_iter():
        if process.pid != os.getpid():
            try:
                yield _found(process)
            except psutil.Error:
                continue


def _found(process: psutil.Process) -> Found:
    """Return what there is to know. Raises NoSuchProcess; a zombie is a process still."""
    with process.oneshot():
        name = _printable(_ask(process.name))
        command = _printable(_ask(lambda: " ".join(process.cmdline())))
        return Found(process.pid, name, command or name, process.create_time(), _ask(process.username))


def _ask(question: Callable[[], str]) -> str:
    """Return the answer, "" when there is none for us."""
    try:
        return question()
    except (psutil.AccessDenied, psutil.ZombieProcess, KeyError):
        return ""


def _printable(text: str) -> str:
    """Processes choose their names: no escape sequence of theirs may reach a terminal, no odd byte the stream."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def listed() -> Iterator[Listed]:
    """Yield every process that runs a Go program, as far as we may look at its executable."""
    versions: dict[tuple[int, int], tuple[str, str] | None] = {}
    for found in _all():
        try:
            with Path(f"/proc/{found.pid}/exe").open("rb") as program:
                status = os.fstat(program.fileno())
                key = (status.st_dev, status.st_ino)
                if key not in versions:
                    versions[key] = _go_version(program.fileno())
        except OSError:
            continue
        go = versions[key]
        if go:
            refusal = _refusal(found.pid)
            yield Listed(**vars(found), runtime="go", version=go[0], module=go[1], attachable=not refusal, why=refusal)


def _go_version(fd: int) -> tuple[str, str] | None:
    try:
        info = read_build_info(Elf(fd))
    except FlareError:
        return None
    return (info.version, info.module) if info else None


def _refusal(pid: int) -> str:
    """Why the process's memory may not be read; "" when it may."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return "not permitted"
    except OSError as e:
        return e.strerror or str(e)
    return ""


__all__ = ["Found", "Listed", "by_name", "by_pid", "check_machine", "listed", "wait_for"]
