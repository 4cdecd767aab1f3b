"""What is permitted, examined where it is and where the kernel really refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from flarego.agent.doctor import Check, examine

PERF_EVENT_OPEN, PTRACE, PROCESS_VM_READV = 298, 101, 310
EPERM, ENOSYS = 1, 38

# Runs `flarego doctor --json` as somebody poorer: refused a call by a seccomp filter (seccomp(2)), or another user.
POORER = """
import ctypes, os, struct, sys
call, errno, uid, *arguments = sys.argv[1:]
from flarego.cli.main import main
import flarego.agent.doctor, flarego.golang, encodings.idna
if int(uid):
    os.setgroups([])
    os.setresuid(*[int(uid)] * 3)
if int(call):
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("<HBBI", *row) for row in [
        (0x20, 0, 0, 0),                          # load the number of the system call
        (0x15, 0, 1, int(call)),                  # is it this one?
        (0x06, 0, 0, 0x00050000 | int(errno)),    # then fail
        (0x06, 0, 0, 0x7FFF0000),                 # else allow
    ])
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(buffer))
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
sys.argv = ["flarego", "doctor", "--json", *arguments]
main()
"""


def poorer(pid: int, *, call: int = 0, code: int = 0, uid: int = 0) -> tuple[int, dict[str, dict[str, Any]]]:
    command = [sys.executable, "-c", POORER, *map(str, (call, code, uid, pid))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)}


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_everything_but_ok_has_a_remedy() -> None:
    with Target("pause") as target:
        checks = examine(target.pid)
    assert all(check.remedy for check in checks if check.level != "ok")
    assert by_name(checks)["memory"].level == "ok"
    assert "go1.27.3" in by_name(checks)["runtime"].finding


def test_perf_refused_by_seccomp_is_told_from_perf_refused_to_the_user() -> None:
    with Target("pause") as target:
        status, checks = poorer(target.pid, call=PERF_EVENT_OPEN, code=EPERM)
        assert status == 0  # attaching works, with less
        assert checks["perf"]["level"] == "warn"
        assert "EPERM, as seccomp does" in checks["perf"]["finding"]
        assert "PERFMON" in checks["perf"]["remedy"]
        assert "a filter" in checks["seccomp"]["finding"]
        assert checks["memory"]["level"] == "ok"


def test_perf_that_seccomp_hides() -> None:
    with Target("pause") as target:
        _, checks = poorer(target.pid, call=PERF_EVENT_OPEN, code=ENOSYS)
    assert "seccomp hides it" in checks["perf"]["finding"]


def test_ptrace_refused_by_seccomp() -> None:
    with Target("pause") as target:
        status, checks = poorer(target.pid, call=PTRACE, code=EPERM)
    assert status == 0
    assert "PTRACE_SEIZE is refused (EPERM)" in checks["ptrace"]["finding"]


def test_memory_refused_by_seccomp() -> None:
    with Target("pause") as target:
        status, checks = poorer(target.pid, call=PROCESS_VM_READV, code=EPERM)
    assert status == 6
    assert checks["memory"]["level"] == "fail"
    assert "seccomp" in checks["memory"]["remedy"]
    assert "runtime" not in checks


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_another_users_process() -> None:
    with Target("pause") as target:
        status, checks = poorer(target.pid, uid=65534)
    assert status == 6
    assert "same user only" in checks["user"]["finding"]
    assert "EACCES" in checks["perf on target"]["finding"]
    assert checks["memory"]["level"] == "fail"
    assert "it belongs to uid 0" in checks["memory"]["remedy"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
def test_a_container_seen_from_outside_is_fine() -> None:
    """And its runtime is understood, from outside of its pid and mount namespaces."""
    with Target("pause") as outer:
        program = Path(f"/proc/{outer.pid}/exe").readlink()
    command = ["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                pytest.skip("no namespaces may be made here")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            checks = by_name(examine(int(children)))
        finally:
            process.kill()
    assert "other pid, mnt, net (a container seen from outside: fine)" in checks["namespaces"].finding
    assert checks["runtime"].level == "ok", checks["runtime"]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_one_that_is_traced_already() -> None:
    with Target("pause") as target:
        tracer = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(target.pid)], stderr=subprocess.PIPE)
        try:
            assert tracer.stderr is not None
            tracer.stderr.readline()  # attached
            checks = by_name(examine(target.pid))
        finally:
            tracer.terminate()
            tracer.communicate()
    assert f"traced by process {tracer.pid}" in checks["tracer"].finding
    assert checks["runtime"].level == "ok"


def test_one_that_is_no_go_program_or_no_process() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            assert by_name(examine(process.pid))["runtime"].level == "fail"
        finally:
            process.kill()
    assert examine(process.pid)[-1].level == "fail"
    assert f"no process with pid {process.pid}" in examine(process.pid)[-1].finding
