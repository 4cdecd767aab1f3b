"""Run the real `flarego` as a user would, and real processes for it to look at."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAREGO = (sys.executable, "-m", "flarego")
TIMEOUT_S = 60
_PR_CAPBSET_DROP = 24
_CAPABILITIES = (19, 21, 38)
"""CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON."""


def flarego(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    command = [*FLAREGO, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **options)


def without_capabilities() -> None:
    """To be run before exec: root that may look at no other process than one as poor as itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _CAPABILITIES:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def assert_refused(done: subprocess.CompletedProcess[str], code: int, says: str) -> None:
    """One clear sentence and a remedy on stderr, nothing on stdout, the documented exit code."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("flarego: "), lines[0]
    assert re.search(says, lines[0]), lines[0]
    assert re.fullmatch(r"remedy: .{10,}", lines[1]), lines[1]


class Attached:
    """A running `flarego attach` that has printed its URL."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        command = [*FLAREGO, "attach", *map(str, arguments)]
        if "--listen" not in arguments:
            command += ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.said: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if match := re.search(r"http://\S+", line):
                self.url = match[0]
                return
        raise AssertionError(self.end())

    def end(self, number: int | None = None) -> subprocess.CompletedProcess[str]:
        """Send a signal, and return what it comes to."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


@contextmanager
def attached(*arguments: object, **options: Any) -> Iterator[Attached]:
    running = Attached(*arguments, **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


@contextmanager
def child(*command: str | bytes | Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def zombie() -> Iterator[int]:
    process = subprocess.Popen(["/bin/true"])
    state = ""
    while state != "Z":
        time.sleep(0.01)
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    yield process.pid
    process.wait()


def patched(binary: Path, target: Path, changes: Sequence[tuple[bytes, bytes]]) -> Path:
    """Return a copy in which every occurrence of each text is another of the same length."""
    data = binary.read_bytes()
    for old, new in changes:
        assert len(old) == len(new) and old in data, old
        data = data.replace(old, new)
    target.write_bytes(data)
    target.chmod(0o755)
    return target


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


class Terminal:
    """A command that runs at a terminal of 80 columns."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._process = subprocess.Popen(
            [*FLAREGO, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self._said = ""

    def expect(self, pattern: str, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self._said):
            ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{pattern!r} is not in {self._said[-2000:]!r}"
            self._said += os.read(self._master, 4096).decode()

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def code(self) -> int | None:
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait(TIMEOUT_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@contextmanager
def on_terminal(*arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(*arguments)
    try:
        yield terminal
    finally:
        terminal.close()
