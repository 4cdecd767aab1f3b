"""/healthz, /readyz and /metrics: as much of HTTP/1.1 as probes and Prometheus need, on a thread of its own."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from flarego.listening import failure, parse_listen

MAX_CONNECTIONS = 16
"""At a time; more wait in the kernel."""
DEADLINE_S = 2.0
"""For a request to come and its answer to be taken."""
MAX_HEAD = 8 << 10
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_log = logging.getLogger(__name__)

Answer = tuple[int, str, str]
"""Status, content type, text."""


class _Connection:
    """One request and its answer."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self.socket = connected
        self.deadline = time.monotonic() + DEADLINE_S
        self.head = b""
        self.out = b""


class Health(threading.Thread):
    """Answers GET requests for the given paths; each answer is made when it is asked for."""

    def __init__(self, listen: str, answers: Mapping[str, Callable[[], Answer]]) -> None:
        """Raises ListenFailed."""
        super().__init__(name="health", daemon=True)
        self._answers = answers
        host, port = parse_listen(listen)
        try:
            family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
            dual = family == socket.AF_INET6 and not host
            self._listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual)
        except OSError as e:
            raise failure(host, port, e) from None
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._connections: dict[int, _Connection] = {}

    def run(self) -> None:
        while True:
            try:
                self._step()
            except Exception:
                _log.exception("the health listener failed")
                time.sleep(1)

    def _step(self) -> None:
        poller = select.poll()
        if len(self._connections) < MAX_CONNECTIONS:
            poller.register(self._listener, select.POLLIN)
        for fd, connection in self._connections.items():
            poller.register(fd, select.POLLOUT if connection.out else select.POLLIN)
        until = min((c.deadline for c in self._connections.values()), default=None)
        for fd, _ in poller.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000):
            if fd == self._listener.fileno():
                self._accept()
            else:
                self._serve(fd, self._connections[fd])
        now = time.monotonic()
        for fd in [fd for fd, connection in self._connections.items() if connection.deadline < now]:
            self._close(fd)

    def _accept(self) -> None:
        with suppress(OSError):
            connected, _ = self._listener.accept()
            self._connections[connected.fileno()] = _Connection(connected)

    def _serve(self, fd: int, connection: _Connection) -> None:
        try:
            if not connection.out:
                data = connection.socket.recv(MAX_HEAD)
                connection.head += data
                if not data:
                    return self._close(fd)
                if b"\r\n\r\n" not in connection.head and len(connection.head) < MAX_HEAD:
                    return None
                connection.out = _response(self._answer(connection.head))
            sent = connection.socket.send(connection.out)
            connection.out = connection.out[sent:]
            if not connection.out:
                connection.socket.shutdown(socket.SHUT_WR)
                self._close(fd)
        except BlockingIOError:
            return None
        except OSError:
            self._close(fd)

    def _close(self, fd: int) -> None:
        self._connections.pop(fd).socket.close()

    def _answer(self, head: bytes) -> Answer:
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if b"\r\n\r\n" not in head or len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return 400, "text/plain", "this is no request\n"
        if parts[0] != b"GET":
            return 405, "text/plain", "only GET\n"
        path = os.fsdecode(parts[1].partition(b"?")[0])
        answer = self._answers.get(path)
        return answer() if answer else (404, "text/plain", "/healthz, /readyz, /metrics\n")


def _response(answer: Answer) -> bytes:
    status, kind, text = answer
    body = text.encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n".encode() + body
