"""Many viewers of one process: how late a chunk is at each of them, what it costs, and what those do who do not read.

    python -m bench.fanout [--subscribers 1000 --rate 5 --kilobytes 20 --seconds 20 --deaf 0 --tls 0]

`--deaf N`: so many of them read nothing. `--tls 1`: over TLS. The gateway runs in a process of its own, the viewers in
another: one epoll loop, which reads and looks for no more than where a message ends and when it was sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import select
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import arguments, cpu_seconds
from bench.gateway import Running, resident
from bench.gateway_load import Agent, Figures, Options

_MARK = b"bench.sent\xcb"
_TAIL = 4096
_WARM_S = 5.0


@dataclass
class Viewer:
    """One connection: counts the bytes left of the current message, and keeps its end."""

    sock: socket.socket
    head: bytes = b""
    left: int = 0
    tail: bytes = b""
    latencies: list[float] = field(default_factory=list)

    def read(self, now: float) -> bool:
        """Read what there is; return whether the connection lasts."""
        while True:
            try:
                data = self.sock.recv(1 << 18)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            except OSError:
                return False
            if not data:
                return False
            self._feed(data, now)

    def _feed(self, data: bytes, now: float) -> None:
        while data:
            if not self.left:
                self.head += data
                size, at = _payload(self.head)
                if size < 0:
                    return
                data, self.head, self.left, self.tail = self.head[at:], b"", size, b""
            piece, data = data[: self.left], data[self.left :]
            self.left -= len(piece)
            self.tail = (self.tail + piece)[-_TAIL:]
            if not self.left and (at := self.tail.rfind(_MARK)) >= 0:
                sent = struct.unpack_from(">d", self.tail, at + len(_MARK))[0]
                self.latencies.append(now - sent)


def _payload(head: bytes) -> tuple[int, int]:
    """Return size and place of a frame's payload; a negative size while its head is not there."""
    if len(head) < 10:
        return -1, 0
    if head[1] < 126:
        return head[1], 2
    return (int.from_bytes(head[2:4]), 4) if head[1] == 126 else (int.from_bytes(head[2:10]), 10)


def view(port: int, token: str, subscribers: int, deaf: int, seconds: float, tls: bool) -> None:
    """Connect, say so, read for a while, and print what was seen. A process of its own."""
    poll = select.epoll()
    viewers = {}
    others = []
    for number in range(subscribers):
        sock = _connect(port, token, tls)
        if number < deaf:
            others.append(sock)
            continue
        sock.setblocking(False)
        viewers[sock.fileno()] = Viewer(sock)
        poll.register(sock, select.EPOLLIN)
    print("ready", flush=True)
    begin = time.monotonic() + _WARM_S
    lost = 0
    while (now := time.monotonic()) < begin + seconds:
        for fd, _ in poll.poll(0.2):
            if not viewers[fd].read(time.monotonic()):
                poll.unregister(fd)
                lost += 1
        if now < begin:
            for viewer in viewers.values():
                viewer.latencies.clear()
    print(json.dumps({"latencies": [x for v in viewers.values() for x in v.latencies], "lost": lost}), flush=True)


def _connect(port: int, token: str, tls: bool) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = context.wrap_socket(sock)
    sock.sendall(
        f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:  # one at a time, so that nothing after it is read with it
        head += sock.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return sock


async def _send(running: Running, options: Options, seconds: float, tls: bool) -> None:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    agent = Agent(0, options, Figures(), running.token)
    await loop.create_connection(lambda: agent, "127.0.0.1", running.port, ssl=context)
    await agent.run(loop.time() + seconds)


def _certificate(folder: Path) -> Iterator[str]:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    yield from ("--tls-cert", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem"))


def main() -> None:
    given = arguments(__doc__, subscribers=1000, rate=5.0, kilobytes=20, seconds=20, deaf=0, tls=0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    options = Options(1, given.rate, given.kilobytes, 1)
    with tempfile.TemporaryDirectory() as folder:
        certificate = list(_certificate(Path(folder))) if given.tls else []
        with Running(*certificate) as running:
            idle = resident(running.pid)
            _measure(given.subscribers, given.deaf, given.seconds, bool(given.tls), running, options, idle)


def _measure(
    subscribers: int, deaf: int, seconds: float, tls: bool, running: Running, options: Options, idle: int
) -> None:
    what = (running.port, running.token, subscribers, deaf, seconds, tls)
    viewing = subprocess.Popen(
        [sys.executable, "-c", f"from bench.fanout import view; view{what}"],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], env=os.environ,
    )  # fmt: skip
    assert viewing.stdout is not None
    assert viewing.stdout.readline().strip() == "ready"
    connected = resident(running.pid)
    before = cpu_seconds(running.pid)
    asyncio.run(_send(running, options, seconds + _WARM_S, tls))
    used = (cpu_seconds(running.pid) - before) / (seconds + _WARM_S)
    end = resident(running.pid)
    seen = json.loads(viewing.stdout.readline())
    viewing.wait()
    late = sorted(seen["latencies"])
    cut = statistics.quantiles(late, n=100)
    print(
        f"{subscribers} viewers{' over TLS' if tls else ''}, {deaf} of them deaf, {options.rate:g} chunks/s of "
        f"{options.kilobytes} KB: {len(late)} arrived, p50 {cut[49] * 1e3:.1f} ms, p99 {cut[98] * 1e3:.1f} ms, "
        f"worst {late[-1] * 1e3:.1f} ms, {seen['lost']} connections lost; "
        f"{used:.1%} of a core; RSS {idle >> 20} MiB, {connected >> 20} with all connected, {end >> 20} at the end"
    )


if __name__ == "__main__":
    main()
