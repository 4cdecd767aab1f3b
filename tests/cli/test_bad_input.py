"""Whatever is typed and whatever the target does: one clear sentence, a remedy, a documented exit code."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from targets import Target, build

from cli.running import (
    FLAREGO,
    assert_refused,
    attached,
    child,
    flarego,
    patched,
    status,
    without_capabilities,
    zombie,
)

NO_PID = 2**22 + 1
"""Above the largest that Linux gives (PID_MAX_LIMIT)."""


@pytest.mark.parametrize("verb", ["attach", "dump"])
def test_no_such_process(verb: str) -> None:
    assert_refused(flarego(verb, "--pid", NO_PID), 3, f"no process with pid {NO_PID}")


def test_no_such_name() -> None:
    assert_refused(flarego("attach", "--name", "no-such-program-*"), 3, "no process is named 'no-such-program-")


def test_a_name_that_several_processes_have_is_answered_with_their_pids(tmp_path: Path) -> None:
    program = tmp_path / "twice-running"
    program.symlink_to("/bin/sleep")
    with child(program, "60") as one, child(program, "60") as two:
        done = flarego("attach", "--name", "twice-run*")
    assert done.returncode == 3
    assert str(one.pid) in done.stderr and str(two.pid) in done.stderr
    assert "remedy: choose one with --pid" in done.stderr


@pytest.mark.parametrize("verb", ["attach", "dump"])
def test_not_permitted(verb: str) -> None:
    with Target("pause") as target:
        if os.geteuid() == 0:
            done = flarego(verb, "--pid", target.pid, preexec_fn=without_capabilities)
        else:
            done = flarego(verb, "--pid", 1)
    assert_refused(done, 6, "not permitted to look at process")
    assert "CAP_SYS_PTRACE" in done.stderr


@pytest.mark.parametrize("verb", ["attach", "dump"])
def test_not_go(verb: str) -> None:
    with child("/bin/sleep", "60") as process:
        assert_refused(flarego(verb, "--pid", process.pid), 4, f"process {process.pid} .*is not a Go program")


def test_32_bit() -> None:
    with child(build("pause", form="32-bit")) as process:
        assert_refused(flarego("attach", process.pid), 4, "32-bit")


def test_zombie() -> None:
    with zombie() as pid:
        assert_refused(flarego("attach", pid), 4, f"process {pid} .* is a zombie")


def test_kernel_thread() -> None:
    comm = Path("/proc/2/comm")
    if not comm.exists() or comm.read_text() != "kthreadd\n":
        pytest.skip("no kernel thread can be seen from here")
    assert_refused(flarego("attach", 2), 4, "process 2 .* is a kernel thread")


def test_a_go_version_that_nobody_knows_yet(tmp_path: Path) -> None:
    program = patched(build("pause", form="stripped"), tmp_path / "future", [(b"go1.27.3", b"go1.99.3")])
    with child(program) as process:
        time.sleep(0.2)
        done = flarego("attach", process.pid)
    assert_refused(done, 7, r"go1\.99\.3")
    assert "-ldflags=-w" in done.stderr


def test_section_headers_that_make_no_sense_do_no_harm(tmp_path: Path) -> None:
    program = patched(build("pause"), tmp_path / "sections", [])
    with program.open("r+b") as file:
        file.seek(40)
        file.write(b"\xff" * 8)  # e_shoff
        file.seek(58)
        file.write(b"\xff" * 6)  # e_shentsize, e_shnum, e_shstrndx
    with Target(program) as target:
        done = flarego("dump", "--pid", target.pid)
    assert done.returncode == 0, done.stderr
    assert "goroutine 1 [" in done.stdout and "main.main" in done.stdout


IMPOSTOR = r"""
#include <string.h>
#include <unistd.h>
/* Looks like Go's function table of version 1.20 and later, and holds nonsense. */
__attribute__((aligned(32))) const unsigned char table[4096] = {%s};
int main(void) { write(1, table, 0); pause(); return table[1]; }
"""


@pytest.mark.parametrize("rest", ["1, 8, [8 ... 4095] = 0xff", "1, 8, 16, 0, [16 ... 4095] = 0", "1, 8"])
def test_a_function_table_that_is_none(tmp_path: Path, rest: str) -> None:
    source = tmp_path / "impostor.c"
    source.write_text(IMPOSTOR % f"0xf1, 0xff, 0xff, 0xff, 0, 0, {rest}")
    subprocess.run(["cc", "-o", tmp_path / "impostor", source], check=True, stderr=subprocess.DEVNULL)
    with child(tmp_path / "impostor") as process:
        time.sleep(0.1)
        done = flarego("attach", process.pid)
    assert done.returncode in (4, 8)
    assert_refused(done, done.returncode, "Go")


@pytest.mark.parametrize("after_ms", range(60, 400, 80))
def test_exits_while_attaching(after_ms: int) -> None:
    with Target("pause") as target:
        timer = threading.Timer(after_ms / 1000, target.process.kill)
        timer.start()
        done = flarego("attach", target.pid, "--listen", "127.0.0.1:0")
        timer.join()
    assert done.returncode in (3, 4, 5), done.stderr  # 4: already a zombie
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert str(target.pid) in done.stderr


def test_exits_while_running() -> None:
    with Target("pause") as target, attached(target.pid) as running:
        target.process.kill()
        done = running.end()
    assert done.returncode == 5
    assert done.stderr.startswith(f"flarego: process {target.pid} (pause")
    assert "exited" in done.stderr and "remedy: " in done.stderr


def test_runs_another_program() -> None:
    with Target("execself") as target, attached(target.pid) as running:
        target.send("exec /bin/sleep 60")
        done = running.end()
        assert target.process.poll() is None
    assert done.returncode == 5
    assert "replaced its program" in done.stderr


def test_runs_the_same_program_again() -> None:
    """The new one has other goroutines at other addresses: what we know of the old one must not be applied to it."""
    with Target("execself") as target, attached(target.pid) as running:
        target.send("exec")
        done = running.end()
        assert target.process.poll() is None
    assert done.returncode == 5
    assert "replaced its program" in done.stderr


def test_pid_is_given_to_another_process() -> None:
    last = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK) or os.geteuid() != 0:
        pytest.skip("needs root, to choose the next pid")
    program = build("pause")
    with Target(program) as target, attached(target.pid) as running:
        target.process.kill()
        target.process.wait()
        for _ in range(20):
            last.write_text(str(target.pid - 1))
            with child(program) as other:
                if other.pid == target.pid:
                    done = running.end()
                    assert status(other.pid)["State"][0] in "RS"
                    break
        else:
            pytest.skip("somebody else was quicker each time")
    assert done.returncode == 5
    assert "exited" in done.stderr


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Target("pause") as target:
        port = server.getsockname()[1]
        done = flarego("attach", target.pid, "--listen", f"127.0.0.1:{port}")
    assert_refused(done, 9, f"127.0.0.1:{port} is in use")
    assert "--listen" in done.stderr


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("192.0.2.1:0", "not an address of this machine"),
        ("nonsense", "no address to listen on"),
        ("127.0.0.1:99999", "no address to listen on"),
        ("no-such-host.invalid:0", "no such host"),
    ],
)
def test_an_address_that_cannot_be_listened_on(listen: str, says: str) -> None:
    with Target("pause") as target:
        assert_refused(flarego("attach", target.pid, "--listen", listen), 9, says)


@pytest.mark.parametrize(
    "arguments",
    [
        ["attach"],
        ["attach", "1", "--pid", "1"],
        ["attach", "one"],
        ["attach", "-5"],
        ["attach", "1", "--budget", "0"],
        ["attach", "1", "--rate", "-1"],
        ["attach", "1", "--duration", "soon"],
        ["attach", "1", "--duration", "0s"],
        ["dump"],
        ["nonsense"],
        ["attach", "1", "--nonsense"],
    ],
)
def test_a_command_line_that_cannot_be_understood(arguments: list[str]) -> None:
    done = flarego(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    """Names come from strangers: escape sequences must not reach the terminal, odd bytes must not stop the stream."""
    program = patched(build("pause"), tmp_path / "pause", [])
    command = [b"\x1b]0;owned\x07\xff", b"\xfe"]
    with (
        child(*[])
        if False
        else subprocess.Popen(command, executable=program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process
    ):
        try:
            done = flarego("attach", process.pid, "--duration", "1s", "--listen", "127.0.0.1:0")
            listed = flarego("ps")
        finally:
            process.kill()
    assert done.returncode == 0, done.stderr
    assert str(process.pid) in listed.stdout
    for text in (done.stdout, done.stderr, listed.stdout):
        assert "\x1b" not in text and "\x07" not in text


@pytest.mark.parametrize("verb", ["ps", "dump", "doctor", "version"])
def test_a_reader_that_leaves_early(verb: str) -> None:
    with Target("many") as target:
        arguments = ["--pid", str(target.pid)] if verb == "dump" else []
        process = subprocess.Popen([*FLAREGO, verb, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.wait()
        process.stderr.close()
    assert said == b""


def test_nowhere_to_write_to() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *FLAREGO, "version"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_no_room_to_write_to() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*FLAREGO, "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert_refused(subprocess.CompletedProcess(done.args, done.returncode, "", done.stderr), 1, "No space left")
