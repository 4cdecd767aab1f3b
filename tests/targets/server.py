"""A server that serves net/http/pprof, and so tells the truth about itself over HTTP."""

from __future__ import annotations

import socket
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A running server that serves net/http/pprof below url."""

    pid: int
    url: str

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return bytes(response.read())

    def goroutines(self) -> str:
        return self.get("/debug/pprof/goroutine?debug=2").decode()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
