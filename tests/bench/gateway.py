"""`flarego gateway` in a process of its own, for benchmarks."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from bench.common import FLAREGO

_URL = re.compile(r"https?://127\.0\.0\.1:(\d+)/\?token=(\S+)")


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Running:
    """A gateway on a free port of this machine, with the token it made up."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [*FLAREGO, "gateway", "--listen", "127.0.0.1:0", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.pid = self._process.pid
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := _URL.search(line):
                self.port, self.token = int(match[1]), match[2]
                return
        raise RuntimeError("flarego gateway did not start")

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(20)


class Apart:
    """An agent that watches one process, and the gateway it sends to."""

    def __init__(self, pid: int) -> None:
        self._gateway = Running()
        self.url = f"http://127.0.0.1:{self._gateway.port}/?token={self._gateway.token}"
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(self._gateway.token)
        self._token = Path(file.name)
        address = f"127.0.0.1:{self._gateway.port}"
        self._agent = subprocess.Popen(
            [*FLAREGO, "agent", str(pid), "--gateway", address, "--token-file", file.name],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._agent.terminate()
        self._agent.wait(10)
        self._gateway.__exit__(kind, e, trace)
        self._token.unlink()
