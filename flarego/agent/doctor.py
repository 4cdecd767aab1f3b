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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flarego.agent.find import by_pid
from flarego.errors import FlareError
from flarego.native import Memory

_SYS_PERF_EVENT_OPEN = 298
_PERF_TYPE_SOFTWARE, _CPU_CLOCK, _ATTR_SIZE = 1, 0, 136
_EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 5, 1 << 6
_CAPABILITIES = {19: "CAP_SYS_PTRACE", 21: "CAP_SYS_ADMIN", 38: "CAP_PERFMON"}
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
    checks = [_machine(), _capabilities(), _perf_paranoid(), _perf(0, "perf"), _yama(), _seccomp("self", "seccomp")]
    if pid is not None:
        checks += _target(pid)
    return checks


def _status(pid: int | str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _machine() -> Check:
    finding = f"{platform.system()} {platform.release()} {platform.machine()}"
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        return Check("machine", "ok", finding)
    return Check("machine", "fail", finding, "flarego reads processes on Linux x86-64 so far; run it there")


def _capabilities() -> Check:
    effective = int(_status("self")["CapEff"], 16)
    held = [name for bit, name in _CAPABILITIES.items() if effective >> bit & 1]
    finding = f"uid {os.geteuid()}, {', '.join(held) or 'no capability that matters'}"
    if "CAP_SYS_PTRACE" in held:
        return Check("user", "ok", finding)
    return Check("user", "ok", f"{finding}: processes of the same user only")


def _perf_paranoid() -> Check:
    try:
        level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    except (OSError, ValueError):
        return Check("perf_paranoid", "warn", "this kernel has no perf events", "a kernel with CONFIG_PERF_EVENTS")
    effective = int(_status("self")["CapEff"], 16)
    if level < 2 or effective >> 38 & 1 or effective >> 21 & 1:
        return Check("perf_paranoid", "ok", f"kernel.perf_event_paranoid is {level}")
    remedy = "sysctl kernel.perf_event_paranoid=1, or give flarego CAP_PERFMON, to count time in the kernel too"
    return Check("perf_paranoid", "warn", f"kernel.perf_event_paranoid is {level}: user code only", remedy)


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


def _yama() -> Check:
    try:
        scope = int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return Check("yama", "ok", "not in this kernel")
    if scope == 0 or int(_status("self")["CapEff"], 16) >> 19 & 1:
        return Check("yama", "ok", f"kernel.yama.ptrace_scope is {scope}")
    remedy = "run with CAP_SYS_PTRACE (sudo), or sysctl kernel.yama.ptrace_scope=0"
    finding = f"kernel.yama.ptrace_scope is {scope}: only one's own descendants may be read"
    return Check("yama", "fail" if scope >= 2 else "warn", finding, remedy)


def _seccomp(pid: int | str, name: str) -> Check:
    mode = _status(pid).get("Seccomp", "0")
    return Check(name, "ok", f"{_SECCOMP.get(mode, mode)} on {'flarego' if pid == 'self' else f'process {pid}'}")


def _target(pid: int) -> Iterator[Check]:
    try:
        found = by_pid(pid)
    except FlareError as e:
        yield Check("target", "fail", e.message, e.remedy or "")
        return
    yield Check("target", "ok", f"pid {pid}, {found.name}, user {found.user}")
    for examination in (_target_namespaces, _target_tracer, _target_memory, _target_perf, _target_go):
        try:
            yield examination(pid)
        except OSError as e:
            yield Check("target", "fail", f"process {pid}: {e.strerror}", "does it still run?")
            return


def _target_namespaces(pid: int) -> Check:
    different = []
    for kind in _NAMESPACES:
        try:
            same = Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
        except PermissionError:
            return Check("namespaces", "warn", "not permitted to look", "see memory, below")
        if not same:
            different.append(kind)
    text = f"other {', '.join(different)} namespace (a container seen from outside: fine)" if different else "ours"
    return Check("namespaces", "ok", text)


def _target_tracer(pid: int) -> Check:
    tracer = _status(pid).get("TracerPid", "0")
    if tracer == "0":
        return Check("tracer", "ok", "not traced by anybody")
    return Check("tracer", "warn", f"traced by process {tracer}: no ptrace sampling", "perf and memory still work")


def _target_memory(pid: int) -> Check:
    try:
        with Path(f"/proc/{pid}/maps").open() as maps:
            start = int(maps.readline().partition("-")[0], 16)
        Memory(pid).read(start, 16)
    except (PermissionError, ValueError) as e:
        code = getattr(e, "errno", None)
        finding = f"process_vm_readv is refused ({errno.errorcode.get(code or 0, e)})"
        return Check("memory", "fail", finding, _memory_remedy(pid))
    return Check("memory", "ok", "process_vm_readv works")


def _memory_remedy(pid: int) -> str:
    owner = _status(pid)["Uid"].split()[1]
    if int(owner) != os.geteuid():
        return f"run as uid {owner}, or with CAP_SYS_PTRACE: sudo flarego attach {pid}; docker: --cap-add SYS_PTRACE"
    return "same user, yet refused: Yama (above), a setuid or non-dumpable target, or seccomp; use CAP_SYS_PTRACE"


def _target_perf(pid: int) -> Check:
    return _perf(pid, "perf on target")


def _target_go(pid: int) -> Check:
    from flarego.golang import attach

    try:
        with attach(pid) as process:
            text = f"{process.version}{f', {process.module}' if process.module else ''}: layout known and verified"
            return Check("runtime", "ok", text)
    except FlareError as e:
        return Check("runtime", "fail", e.message, e.remedy or "")
