"""The query API over 15 minutes of 2,000 stacks at 5 chunks/s: what adding up costs, how long answers take.

    cd tests && python -m bench.query [--stacks 2000] [--minutes 15] [--churn 40] [--questions 200]

Questions go over HTTP, one after the other, to a gateway in a process of its own, while chunks go on coming; spans
begin and end in the middle of generations. The gateway's CPU time stands beside the clock: it can be compared on a busy
machine. `churn` stacks of each generation are new.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
from gateway.query.programs import INFO, PERIOD_NS, Program

from bench.common import arguments, cpu_seconds, table, verdict
from flarego.gateway.hub import Hub
from flarego.gateway.retention import Bounds
from flarego.gateway.server import Gateway
from flarego.model.chunk import Chunk
from flarego.wire.codec import decode, encode

INGEST_BAR_MS, ANSWER_BAR_MS = 0.3, 100.0
FIRST = " (first)"
LIVE = 600
"""Chunks that go on coming while questions are asked: two minutes."""


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


async def serve(pipe: Connection, stacks: int, minutes: float, churn: int) -> None:
    """Be the gateway: take minutes of chunks, then one each period until told to stop."""
    gateway = Gateway("127.0.0.1:0")
    gateway.hub = Hub(Bounds(process=1 << 30, namespace=1 << 30))
    await gateway.start()
    hub, (pyramid,) = gateway.hub, gateway.hub.taps
    program = Program(stacks=stacks, depth=24, churn=churn)
    hub.publish(INFO)
    decoding, taking = [], []

    def take(data: bytes) -> None:
        began = time.perf_counter()
        chunk = decode(data)
        decoded = time.perf_counter()
        assert isinstance(chunk, Chunk)
        hub.publish(chunk, data=data)
        decoding.append((decoded - began) * 1e3)
        taking.append((time.perf_counter() - decoded) * 1e3)

    for _ in range(int(minutes * 60e9 / PERIOD_NS)):
        take(encode(program.chunk()))
    coming = [encode(program.chunk()) for _ in range(LIVE)]
    (channel,) = hub.channels()
    pipe.send((gateway.port, gateway.token, decoding, taking, pyramid.size, channel.log.size))
    for data in coming:
        if pipe.poll():
            break
        take(data)
        await asyncio.sleep(PERIOD_NS / 1e9)
    await gateway.stop()


@dataclass
class Took:
    """How long one kind of question took, ms."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def ask(port: int, token: str, pid: int, minutes: float, questions: int) -> dict[str, Took]:
    """Return how long each kind of question took; the very first one of each apart."""
    pick, took = random.Random(1), dict[str, Took]()
    base = f"http://127.0.0.1:{port}/api/v1/processes/{INFO.process}"
    newest = int(minutes * 60e9)

    def spans() -> list[tuple[str, str]]:
        start = pick.randrange(newest // 3)
        end = newest - pick.randrange(newest // 3)
        whole = f"from={pick.randrange(10**9)}"
        return [
            ("flame, all", f"flame?{whole}"),
            ("flame, all, columns", f"flame?{whole}&shape=columns"),
            ("flame, inverted", f"flame?{whole}&invert=true"),
            ("flame, filtered", f"flame?{whole}&state=waiting&package=example.com/p4"),
            ("flame, a part", f"flame?from={start}&to={end}"),
            ("groups, all", f"groups?{whole}"),
            ("groups by creator", f"groups?by=created&{whole}"),
            ("diff, halves", f"diff?from={newest // 2}&to={newest}&base_from={pick.randrange(10**9)}"),
            ("diff, parts", f"diff?from={start}&to={end}&base_from={end // 3}&base_to={end}"),
            ("series, all", f"series?{whole}"),
            ("events, all", f"events?{whole}&limit=10000"),
            ("leaks, all", "leaks"),
        ]

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for number in range(questions):
            for name, path in spans():
                began, used = time.perf_counter(), cpu_seconds(pid)
                async with session.get(f"{base}/{path}") as response:
                    body = await response.read()
                    assert response.status == 200, body[:200]
                one = took.setdefault(name if number else name + FIRST, Took())
                one.wall.append((time.perf_counter() - began) * 1e3)
                one.cpu.append((cpu_seconds(pid) - used) * 1e3)
    return took


def main() -> None:
    options = arguments(__doc__, stacks=2000, minutes=15.0, churn=40, questions=200)
    ours, theirs = multiprocessing.Pipe()
    gateway = multiprocessing.get_context("fork").Process(
        target=lambda: asyncio.run(serve(theirs, options.stacks, options.minutes, options.churn))
    )
    gateway.start()
    port, token, decoding, taking, size, kept = ours.recv()
    print(f"{len(taking):,} chunks of {options.stacks:,} rows; kept {kept >> 20} MB, added up {size >> 20} MB")
    rows = [
        (name, f"{sum(ms) / len(ms):.3f}", *(f"{percentile(ms, part):.3f}" for part in (0.5, 0.99, 1.0)))
        for name, ms in (("decode", decoding), ("take and add up", taking))
    ]
    table(("ingest, ms a chunk", "mean", "p50", "p99", "worst"), rows)
    took = asyncio.run(ask(port, token, gateway.pid, options.minutes, options.questions))
    ours.send("stop")
    gateway.join(30)
    table(
        ("answers, ms", "p50", "p99", "worst", "CPU p50", "CPU p99"),
        [
            (name, *(f"{percentile(ms, part):.1f}" for ms, part in (
                (one.wall, 0.5), (one.wall, 0.99), (one.wall, 1.0), (one.cpu, 0.5), (one.cpu, 0.99))))
            for name, one in took.items()
        ],
    )
    verdict("adding up a chunk, mean", sum(taking) / len(taking), INGEST_BAR_MS, "ms")
    barred = {name: ms for name, ms in took.items() if name.startswith(("flame", "groups", "diff"))}
    for part, word in ((0.5, "p50"), (0.99, "p99")):
        slowest = [one for name, one in barred.items() if FIRST not in name]
        verdict(f"flame, groups, diff: {word} of the slowest", max(percentile(one.wall, part) for one in slowest),
                ANSWER_BAR_MS, "ms")  # fmt: skip
        verdict("    its CPU", max(percentile(one.cpu, part) for one in slowest), ANSWER_BAR_MS, "ms")
    worst = max(one.wall[0] for name, one in barred.items() if FIRST in name)
    verdict("the first of each kind, right after start, worst", worst, ANSWER_BAR_MS, "ms")



if __name__ == "__main__":
    main()
