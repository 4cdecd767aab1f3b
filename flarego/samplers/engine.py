"""Which on-CPU engine is in use, and in one sentence why not a better one."""

from __future__ import annotations

import errno

_PERF = {
    errno.EACCES: "perf_event_open was refused: this user may not profile the target"
    " (needs the same user, or CAP_PERFMON; kernel.perf_event_paranoid must be 2 or less)",
    errno.EPERM: "perf_event_open is blocked, most likely by seccomp (a container needs CAP_PERFMON or CAP_SYS_ADMIN)",
    errno.ENOSYS: "this kernel has no perf_event_open, or seccomp hides it",
    errno.EMFILE: "too many open files for one perf event per thread (raise ulimit -n)",
}
_PTRACE = {
    errno.EPERM: "ptrace was refused (already traced by a debugger, Yama's ptrace_scope, or seccomp)",
}
_KERNEL_UNSEEN = "time in the kernel is not counted (kernel.perf_event_paranoid is 2 or more, and no CAP_PERFMON)"


def why_not_better(engine: str, perf_errno: int, ptrace_errno: int, sees_kernel: bool) -> str:
    """Return why no better engine is in use, "" when this is the best."""
    if engine == "perf":
        return "" if sees_kernel else _KERNEL_UNSEEN
    reasons = []
    if perf_errno:
        reasons.append(_PERF.get(perf_errno, f"perf_event_open failed: {errno.errorcode.get(perf_errno, perf_errno)}"))
    if engine == "memory" and ptrace_errno:
        reasons.append(_PTRACE.get(ptrace_errno, f"ptrace failed: {errno.errorcode.get(ptrace_errno, ptrace_errno)}"))
    return "; ".join(reasons) or "asked for by name"
