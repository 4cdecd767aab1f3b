"""Examinations: each tries the real thing and says what came of it.

What a refusal means is measured: GO_RUNTIME.md section 4. EPERM from perf_event_open is seccomp; EACCES is
perf_event_paranoid, another user's process, or one that is not dumpable.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flarego.agent.enter import attach_to
from flarego.agent.find import Found, by_pid
from flarego.errors import FlareError, PermissionRefused
from flarego.golang.host import read_mappings
from flarego.native import Memory

_SYS_PERF_EVENT_OPEN = 298
_PERF_TYPE_SOFTWARE, _CPU_CLOCK, _ATTR_SIZE = 1, 0, 136
_EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 5, 1 << 6
CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON = 19, 21, 38
_CAPABILITIES = {CAP_SYS_PTRACE: "CAP_SYS_PTRACE", CAP_SYS_ADMIN: "CAP_SYS_ADMIN", CAP_PERFMON: "CAP_PERFMON"}
_PTRACE_SEIZE = 0x4206
_NAMESPACES = ("pid", "mnt", "user", "net")
_SECCOMP = {"0": "none", "1": "strict", "2": "a filter"}


@dataclass(frozen=True)
class Check:
    """One finding; level is ok, warn (attaching works, with less) or fail (it does not)."""

    name: str
    level: str
    finding: str
    remedy: str = ""


def examine(pid: int | None) -> list[Check]:
    """Return what this machine and user permit, and with a pid what they permit on that process."""
    machine = _machine()
    if machine.level == "fail":
        return [machine]
    checks = [machine, _user(), _perf_paranoid(), _perf(0, "perf"), _ptrace(), _yama(), _seccomp()]
    if pid is not None:
        checks += _target(pid)
    return checks


def _status(pid: int | str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _holds(capability: int) -> bool:
    return bool(int(_status("self")["CapEff"], 16) >> capability & 1)


def _machine() -> Check:
    finding = f"{platform.system()} {platform.release()} {platform.machine()}"
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        return Check("machine", "ok", finding)
    return Check("machine", "fail", finding, "flarego reads processes on Linux x86-64 so far; run it there")


def _user() -> Check:
    held = [name for bit, name in _CAPABILITIES.items() if _holds(bit)]
    finding = f"uid {os.geteuid()}, {', '.join(held) or 'no capability that matters here'}"
    if not _holds(CAP_SYS_PTRACE):
        finding += ": processes of the same user only"
    return Check("user", "ok", finding)


def _perf_paranoid() -> Check:
    try:
        level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    except (OSError, ValueError):
        return Check("perf_paranoid", "warn", "this kernel has no perf events", "a kernel with CONFIG_PERF_EVENTS")
    finding = f"kernel.perf_event_paranoid is {level}"
    if level < 2 or _holds(CAP_PERFMON) or _holds(CAP_SYS_ADMIN):
        return Check("perf_paranoid", "ok", finding)
    remedy = "sysctl kernel.perf_event_paranoid=1, or give flarego CAP_PERFMON, to count time in the kernel too"
    return Check("perf_paranoid", "warn", f"{finding}: user code only", remedy)


def try_perf(pid: int) -> int:
    """Open a cpu-clock event on a process (0: ourselves); returns 0 or an errno."""
    attr = bytearray(_ATTR_SIZE)
    struct.pack_into("<IIQQ", attr, 0, _PERF_TYPE_SOFTWARE, _ATTR_SIZE, _CPU_CLOCK, 10_000_000)
    struct.pack_into("<Q", attr, 40, _EXCLUDE_KERNEL | _EXCLUDE_HV)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_SYS_PERF_EVENT_OPEN, (ctypes.c_char * _ATTR_SIZE).from_buffer(attr), pid, -1, -1, 0)
    if fd < 0:
        return ctypes.get_errno()
    os.close(fd)
    return 0


def _perf(pid: int, name: str) -> Check:
    match try_perf(pid):
        case 0:
            return Check(name, "ok", "perf_event_open works: on-CPU samples without stopping anything")
        case errno.EPERM:
            finding = "perf_event_open is refused with EPERM, as seccomp does: on-CPU samples by ptrace"
            remedy = (
                "docker run --cap-add PERFMON (or SYS_ADMIN); Kubernetes: securityContext.capabilities.add: [PERFMON]"
            )
        case errno.EACCES:
            finding = (
                "perf_event_open is refused with EACCES: another user's process, or kernel.perf_event_paranoid above 2"
            )
            remedy = "run as the target's user or with CAP_PERFMON; sysctl kernel.perf_event_paranoid=2"
        case errno.ENOSYS:
            finding, remedy = (
                "perf_event_open does not exist here, or seccomp hides it",
                "allow it in the seccomp profile",
            )
        case code:
            finding, remedy = f"perf_event_open fails with {errno.errorcode.get(code, code)}", ""
    return Check(name, "warn", finding, remedy)


def try_ptrace() -> int:
    """Seize a child of ours and let it go; returns 0 or an errno. Our own child is always permitted but by seccomp."""
    child = subprocess.Popen(["/bin/sleep", "10"])
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        arguments = (ctypes.c_long(child.pid), ctypes.c_void_p(), ctypes.c_void_p())
        if libc.ptrace(ctypes.c_long(_PTRACE_SEIZE), *arguments) < 0:
            return ctypes.get_errno()
        return 0
    finally:
        child.kill()
        child.wait()


def _ptrace() -> Check:
    code = try_ptrace()
    if not code:
        return Check("ptrace", "ok", "PTRACE_SEIZE works: the way to sample where perf is refused")
    finding = f"PTRACE_SEIZE is refused ({errno.errorcode.get(code, code)}), as seccomp does"
    remedy = "needed only where perf is refused: docker run --cap-add SYS_PTRACE"
    return Check("ptrace", "warn", finding, remedy)


def _yama() -> Check:
    try:
        scope = int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return Check("yama", "ok", "not in this kernel")
    finding = f"kernel.yama.ptrace_scope is {scope}"
    if scope == 0 or (_holds(CAP_SYS_PTRACE) and scope < 3):
        return Check("yama", "ok", finding)
    if scope >= 3:
        return Check("yama", "fail", f"{finding}: no process may be read", "reboot: this scope cannot be lowered again")
    reach = "only one's own descendants may be read" if scope == 1 else "CAP_SYS_PTRACE is needed"
    remedy = "run with CAP_SYS_PTRACE (sudo flarego …), or sysctl kernel.yama.ptrace_scope=0"
    return Check("yama", "warn" if scope == 1 else "fail", f"{finding}: {reach}", remedy)


def _seccomp() -> Check:
    mode = _status("self").get("Seccomp", "0")
    if mode == "2":
        return Check("seccomp", "ok", "a filter on flarego; what it refuses is shown by perf, ptrace and memory")
    return Check("seccomp", "ok", f"{_SECCOMP.get(mode, mode)} on flarego")


def _target(pid: int) -> Iterator[Check]:
    try:
        found = by_pid(pid)
    except FlareError as e:
        yield Check("target", "fail", e.message, e.remedy or "")
        return
    yield Check("target", "ok", f"pid {pid}, {found.name}, user {found.user}")
    for examination in (_target_namespaces, _target_tracer, _target_perf, _target_memory):
        try:
            check = examination(pid)
        except OSError as e:
            check = Check("target", "fail", f"process {pid} cannot be examined: {e.strerror}", "does it still run?")
        yield check
        if check.level == "fail":
            return
    yield _target_runtime(found)


def _target_namespaces(pid: int) -> Check:
    different = []
    for kind in _NAMESPACES:
        try:
            same = Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
        except PermissionError:
            return Check("namespaces", "warn", "not permitted to look at the target's", "see memory, below")
        if not same:
            different.append(kind)
    if "user" in different and not _holds(CAP_SYS_PTRACE):
        remedy = "run as root outside of both, or in the target's user namespace"
        return Check("namespaces", "warn", f"the target has other {', '.join(different)} namespaces", remedy)
    text = (
        f"other {', '.join(different)} (a container seen from outside: fine)" if different else "the target's are ours"
    )
    return Check("namespaces", "ok", text)


def _target_tracer(pid: int) -> Check:
    tracer = _status(pid).get("TracerPid", "0")
    if tracer == "0":
        return Check("tracer", "ok", "not traced by anybody")
    return Check("tracer", "warn", f"traced by process {tracer}: no ptrace sampling", "perf and memory still work")


def _target_perf(pid: int) -> Check:
    return _perf(pid, "perf on target")


def _target_memory(pid: int) -> Check:
    """Read a word of it, as attaching does."""
    try:
        start = next((m.start for m in read_mappings(pid) if m.writable), 0)
        Memory(pid).read(start, 8)
    except PermissionRefused as e:
        return Check("memory", "fail", e.message, _memory_remedy(pid))
    except FlareError as e:
        return Check("memory", "fail", e.message, e.remedy or "")
    except PermissionError as e:
        finding = f"process_vm_readv is refused ({errno.errorcode.get(e.errno or 0, e)})"
        return Check("memory", "fail", finding, _memory_remedy(pid))
    return Check("memory", "ok", "process_vm_readv works")


def _memory_remedy(pid: int) -> str:
    """Return what stands in the way, asked in the order in which the kernel does (ptrace(2), access mode checking)."""
    ours, theirs = _status("self"), _status(pid)
    if _holds(CAP_SYS_PTRACE):
        return (
            "CAP_SYS_PTRACE is held, so a security module (SELinux, AppArmor), seccomp or another user namespace"
            " refuses: run outside of the container, and see the kernel's log (dmesg)"
        )
    owner = theirs["Uid"].split()[1]
    elevate = f"sudo flarego attach {pid}; docker: --cap-add SYS_PTRACE; Kubernetes: capabilities.add: [SYS_PTRACE]"
    if int(owner) != os.geteuid():
        return f"it belongs to uid {owner}: run as that user, or with CAP_SYS_PTRACE: {elevate}"
    if int(theirs["CapPrm"], 16) & ~int(ours["CapPrm"], 16):
        return f"it holds capabilities that flarego lacks: run with CAP_SYS_PTRACE: {elevate}"
    return (
        "same user, yet refused: Yama (above), a program that changed its user or cannot be dumped (prctl), or"
        f" seccomp: run with CAP_SYS_PTRACE: {elevate}"
    )


def _target_runtime(found: Found) -> Check:
    try:
        with attach_to(found) as process:
            module = f", {process.module}" if process.module else ""
            finding = f"{process.version}{module}: layout from {process.release.source}, checked against the process"
            return Check("runtime", "ok", finding)
    except FlareError as e:
        return Check("runtime", "fail", e.message, e.remedy or "")
