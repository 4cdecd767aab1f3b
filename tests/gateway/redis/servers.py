"""Real Redis servers of our own, on free ports of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "deb"
"""Where tests/system.sh unpacks Debian's packages."""


def binary(name: str) -> str | None:
    """Return the path of redis-server or redis-cli; None when it is not here."""
    unpacked = CACHE / "usr/bin" / name
    return shutil.which(name) or (str(unpacked) if unpacked.exists() else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One redis-server, which can be killed, paused and started again."""

    folder: Path
    arguments: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> Server:
        server = binary("redis-server")
        assert server
        libraries = str(CACHE / "usr/lib/x86_64-linux-gnu")
        port = [] if "--port" in self.arguments else ["--port", str(self.port)]
        self.process = subprocess.Popen(
            [server, *port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder), *self.arguments],
            env={**os.environ, "LD_LIBRARY_PATH": libraries}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """End it, without a chance to say goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


class Cluster:
    """Three masters that share the slots, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.nodes = []
        for number in range(3):
            home = folder / str(number)
            home.mkdir()
            port = _free_port_with_bus()
            self.nodes.append(
                Server(home, ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
                              "--cluster-require-full-coverage", "no"], port)
            )  # fmt: skip

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def start(self) -> Cluster:
        for node in self.nodes:
            node.start()
        cli = binary("redis-cli")
        assert cli
        subprocess.run(
            [cli, "--cluster", "create", *(f"127.0.0.1:{node.port}" for node in self.nodes), "--cluster-yes"],
            check=True, capture_output=True, timeout=60,
            env={**os.environ, "LD_LIBRARY_PATH": str(CACHE / "usr/lib/x86_64-linux-gnu")},
        )  # fmt: skip
        return self

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


def _free_port_with_bus() -> int:
    """Return a port where a node may listen, with room for its bus 10,000 above."""
    while (port := free_port()) > 55_000:
        pass
    return port
