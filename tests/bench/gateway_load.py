"""Many agents and viewers on one gateway process: how late chunks arrive, whether any is lost, what it costs.

    python -m bench.gateway_load [--agents 200 --rate 5 --kilobytes 20 --subscribers 50 --minutes 10 --megabytes 1024]

The gateway runs in a process of its own, this one is all agents (a connection each, zstd as real ones) and all viewers
(a WebSocket each, every one on one process). Latency is from before a chunk is packed to after it was read.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
import msgpack
from wire.streams import INFO, pack

from bench.common import arguments, cpu_seconds
from bench.gateway import Running, resident
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.wire.codec import encode
from flarego.wire.envelope import INGEST, Ack, Data, Encoding, Hello, decode_gateway, encode_agent
from flarego.wire.grpc import Deframer, frame
from flarego.wire.packing import Packer

GENERATION_CHUNKS = 150
ROW_BYTES = 39
_STACKS = 500


@dataclass
class Figures:
    latencies: list[float] = field(default_factory=list)
    sent: int = 0
    acked: int = 0
    read: int = 0
    gaps: int = 0


class Agent(asyncio.Protocol):
    """One agent: says Hello, then sends chunks at its rate."""

    def __init__(self, number: int, options: Options, figures: Figures, token: str) -> None:
        self._options, self._figures, self._token = options, figures, token
        self.info = _info(number)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._deframer = Deframer()
        self._packer = Packer()
        self._random = random.Random(number)
        self._rows = {
            name: self._random.randbytes(width * options.rows) for name, width in (("wall", 8), ("cpu", 8), ("wait", 8))
        }
        self.ready = asyncio.Event()
        self.acknowledged = 0
        self._sequence = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(
            self._stream,
            [
                (":method", "POST"), (":scheme", "http"), (":path", INGEST), (":authority", "bench"),
                ("te", "trailers"), ("content-type", "application/grpc"), ("authorization", f"Bearer {self._token}"),
            ],
        )  # fmt: skip
        self._say(encode_agent(Hello(encode(self.info), encodings=(Encoding.ZSTD,), agent="bench")))

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                for message in self._deframer.feed(event.data):
                    answer = decode_gateway(message)
                    if isinstance(answer, Ack):
                        self._figures.acked += answer.sequence - self.acknowledged
                        self.acknowledged = answer.sequence
                    self.ready.set()
            elif isinstance(event, h2.events.StreamEnded | h2.events.ConnectionTerminated):
                raise SystemExit(f"the gateway ended a stream: {event}")
        self._transport.write(self._h2.data_to_send())

    def _say(self, message: bytes) -> None:
        data = frame(message)
        for at in range(0, len(data), self._h2.max_outbound_frame_size):
            self._h2.send_data(self._stream, data[at : at + self._h2.max_outbound_frame_size])
        self._transport.write(self._h2.data_to_send())

    async def run(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        await self.ready.wait()
        due = loop.time() + self._random.random() / self._options.rate
        while due < until:
            await asyncio.sleep(due - loop.time())
            due += 1 / self._options.rate
            if self._h2.local_flow_control_window(self._stream) < self._options.kilobytes << 11:
                continue  # held back; a real agent spools
            self.send()

    def send(self) -> None:
        chunk = self._chunk(time.monotonic())
        raw = encode(chunk)
        self._sequence += 1
        self._figures.sent += 1
        self._say(encode_agent(Data(self._sequence, self._packer.pack(raw), Encoding.ZSTD, len(raw))))

    def _chunk(self, now: float) -> Chunk:
        rows, n = self._options.rows, self._sequence
        start = n * int(1e9 / self._options.rate)
        fresh = n % GENERATION_CHUNKS == 0
        nodes = self._random.choices(range(1, _STACKS), k=rows)
        return Chunk(
            process=self.info.process, generation=n // GENERATION_CHUNKS, sequence=n,
            start=start, end=start + int(1e9 / self._options.rate),
            **(_definitions() if fresh else {}),  # type: ignore[arg-type]
            rows={**self._rows, "node": pack("I", nodes), "group": bytes(4 * rows), "state": b"\3" * rows,
                  "reason": bytes(rows), "flags": bytes(rows), "count": pack("I", [1] * rows)},
            series={"bench.sent": now, "goroutines.waiting": rows},
        )  # fmt: skip


def _definitions() -> dict[str, object]:
    ids = list(range(_STACKS))
    return {
        "strings": ["", *(f"main.work{n}" for n in ids)],
        "frames": {"function": pack("I", [n + 1 for n in ids]), "file": bytes(4 * _STACKS),
                   "line": pack("I", ids), "flags": bytes(_STACKS)},
        "locations": {"count": b"\1" * _STACKS, "frame": pack("I", ids)},
        "nodes": {"parent": pack("I", [n // 3 for n in ids]), "location": pack("I", ids)},
        "groups": [{"created_by": -1, "entry": 0, "labels": {}, "system": False}],
    }  # fmt: skip


def _info(number: int) -> ProcessInfo:
    values = {name: getattr(INFO, name) for name in INFO.__slots__}
    return ProcessInfo(**values | {"process": f"{number}-{number}", "pid": number, "epoch": time.time_ns()})


@dataclass(frozen=True)
class Options:
    agents: int
    rate: float
    kilobytes: int
    subscribers: int

    @property
    def rows(self) -> int:
        return self.kilobytes * 1024 // ROW_BYTES


async def watch(port: int, token: str, process: str, figures: Figures) -> None:
    """Read one process's stream as a viewer: a WebSocket of our own, as lean as can be."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /stream?process={process} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise SystemExit(head.decode())
    expected = -1
    while True:
        first, size = await reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        payload = await reader.readexactly(size)
        if first & 0xF == 9:  # a ping wants its pong, masked
            writer.write(bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload)
        if first & 0xF == 8:
            raise SystemExit(f"the gateway ended a viewer's stream: {payload!r}")
        if first & 0xF != 2:
            continue
        message = msgpack.unpackb(payload)
        if message["type"] != "chunk":
            continue
        figures.latencies.append(time.monotonic() - message["series"]["bench.sent"])
        figures.read += 1
        figures.gaps += expected not in (-1, message["sequence"])
        expected = message["sequence"] + 1


async def load(running: Running, options: Options, seconds: float) -> None:
    figures, loop = Figures(), asyncio.get_running_loop()
    until = loop.time() + seconds
    agents = []
    for n in range(1, options.agents + 1):
        agent = Agent(n, options, figures, running.token)
        await loop.create_connection(lambda agent=agent: agent, "127.0.0.1", running.port)  # type: ignore[misc]
        agents.append(agent)
    sending = [asyncio.ensure_future(agent.run(until)) for agent in agents]
    await asyncio.gather(*(agent.ready.wait() for agent in agents))
    names = [agents[n % len(agents)].info.process for n in range(options.subscribers)]
    watching = [asyncio.ensure_future(watch(running.port, running.token, name, figures)) for name in names]
    await asyncio.sleep(2)
    report = asyncio.ensure_future(_report(running.pid, figures, max(seconds / 10, 5)))
    await asyncio.gather(*sending)
    await asyncio.sleep(1)
    report.cancel()
    lost = sum(agent._sequence - agent.acknowledged for agent in agents)
    print(f"sent {figures.sent}, acknowledged {figures.acked}, lost {lost}; read {figures.read}, gaps {figures.gaps}")
    _print("in all", figures.latencies)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)


async def _report(pid: int, figures: Figures, period: float) -> None:
    at, cpu, sent = 0, cpu_seconds(pid), figures.sent
    while True:
        await asyncio.sleep(period)
        used, cpu = cpu_seconds(pid) - cpu, cpu_seconds(pid)
        rate, sent = (figures.sent - sent) / period, figures.sent
        print(
            f"gateway {100 * used / period:5.1f} % of a core, {resident(pid) >> 20} MiB; {rate:.0f} chunks/s; ", end=""
        )
        _print("", figures.latencies[at:])
        at = len(figures.latencies)


def _print(what: str, latencies: Sequence[float]) -> None:
    if len(latencies) > 1:
        cuts = statistics.quantiles(latencies, n=100)
        print(
            f"{what} p50 {1e3 * cuts[49]:.1f}, p99 {1e3 * cuts[98]:.1f}, max {1e3 * max(latencies):.0f} ms", flush=True
        )


def main() -> None:
    given = arguments(__doc__, agents=200, rate=5.0, kilobytes=20, subscribers=50, minutes=10.0, megabytes=1024)
    kept = f"{given.megabytes}MiB"
    with Running("--retention-bytes", kept, "--retention-namespace-bytes", kept) as running:
        options = Options(given.agents, given.rate, given.kilobytes, given.subscribers)
        asyncio.run(load(running, options, given.minutes * 60))


if __name__ == "__main__":
    main()
