"""What the operating system says about a process: who it is, its executable, its mappings.

Every failure is a typed error with one clear line.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import NamedTuple

from flarego.errors import NoSuchProcess, NotAttachable, PermissionRefused, ProcessGone

_MAX_MAPPINGS = 1 << 18
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)(?: +(.*))?")
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of /proc/PID/stat (proc(5))."""


class Mapping(NamedTuple):
    """One line of /proc/PID/maps: [start, end) shows the file (device, inode) from `offset` on."""

    start: int
    end: int
    permissions: str
    offset: int
    device: tuple[int, int]
    inode: int
    name: str

    @property
    def writable(self) -> bool:
        return self.permissions[1] == "w"


class Stat(NamedTuple):
    name: str
    state: str
    flags: int
    start_time: int


def read_stat(pid: int) -> Stat:
    """Return /proc/PID/stat; raises NoSuchProcess. start_time (clock ticks since boot) tells reused pids apart."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        return Stat(name, fields[0], int(fields[6]), int(fields[19]))
    except (FileNotFoundError, ProcessLookupError):
        raise NoSuchProcess(
            f"no process with pid {pid}", remedy="`flarego ps` lists the Go processes that can be attached to"
        ) from None
    except (IndexError, ValueError):
        raise ProcessGone(f"process {pid} exited while we looked at it") from None


def open_executable(pid: int) -> int:
    """Return a descriptor of the program the process runs, even when that file was replaced or is in a container."""
    stat = read_stat(pid)
    if stat.state in "ZX":
        raise NotAttachable(f"process {pid} ({stat.name}) is a zombie: it has exited and waits for its parent")
    if stat.flags & _KERNEL_THREAD:
        raise NotAttachable(f"process {pid} ({stat.name}) is a kernel thread, not a program")
    try:
        return os.open(f"/proc/{pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(error, pid) from None


def read_mappings(pid: int) -> list[Mapping]:
    """Return the process's mappings in address order."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise refusal(error, pid) from None
    found = [_mapping(match) for line in lines[:_MAX_MAPPINGS] if (match := _LINE.fullmatch(line))]
    if not found:
        raise ProcessGone(f"process {pid} exited while we looked at it")
    return found


def _mapping(match: re.Match[str]) -> Mapping:
    start, end, permissions, offset, major, minor, inode, name = match.groups()
    return Mapping(int(start, 16), int(end, 16), permissions, int(offset, 16),
                   (int(major, 16), int(minor, 16)), int(inode), name or "")  # fmt: skip


def executable_mappings(pid: int, fd: int, mappings: list[Mapping]) -> list[Mapping]:
    """Return the mappings of the file `fd`, which is the process's executable.

    They are told by inode. On some overlay file systems maps(5) shows another device or inode than stat(2); there
    the name that /proc/PID/exe links to decides.
    """
    status = os.fstat(fd)
    device = (os.major(status.st_dev), os.minor(status.st_dev))
    exact = [m for m in mappings if m.inode == status.st_ino and m.device == device]
    if exact:
        return exact
    try:
        name = str(Path(f"/proc/{pid}/exe").readlink())
    except OSError as error:
        raise refusal(error, pid) from None
    return [m for m in mappings if m.name == name]


def inner_pids(pid: int) -> set[int]:
    """Return thread ids of the process as its own pid namespace numbers them."""
    found = set()
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.add(_innermost(task / "status"))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found - {0}


def _innermost(status: Path) -> int:
    try:
        for line in status.read_text("utf-8", "replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    except (OSError, ValueError):
        pass
    return 0


def refusal(error: OSError, pid: int) -> NoSuchProcess | PermissionRefused | ProcessGone:
    """Return the typed error that a failed look at a process amounts to."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return PermissionRefused(
            f"not permitted to look at process {pid}",
            remedy="run as the user that owns it, or with CAP_SYS_PTRACE; `flarego doctor --pid "
            f"{pid}` names the exact reason",
        )
    if error.errno in (errno.ENOENT, errno.ESRCH):
        return ProcessGone(f"process {pid} exited while we looked at it")
    return ProcessGone(f"process {pid} cannot be read: {error.strerror or error}")
