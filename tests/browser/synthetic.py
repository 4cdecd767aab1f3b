"""A stream nobody has to sample: an order service in numbers, and a server that plays it to the page.

For what the real server cannot be made to show on demand: thousands of stacks, hostile names, gaps,
a target that goes away at once. `python -m tests.browser.synthetic` serves it for looking at.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

from browser.members import Members

STATIC = Path(__file__).resolve().parents[2] / "flarego" / "static"
STATES = ["running", "runnable", "syscall", "waiting", "preempted", "other"]
REASONS = [
    "",
    "chan receive",
    "chan send",
    "select",
    "sync.Mutex.Lock",
    "IO wait",
    "sleep",
    "sync.WaitGroup.Wait",
    "GC worker (idle)",
    "finalizer wait",
    "sync.Cond.Wait",
]
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
PERIOD = 0.2
GENERATION = 150
NS = 1_000_000_000

SERVE = [
    "net/http.(*Server).Serve.gowrap3",
    "net/http.(*conn).serve",
    "net/http.serverHandler.ServeHTTP",
    "net/http.(*ServeMux).ServeHTTP",
    "net/http.HandlerFunc.ServeHTTP",
    "main.labelled.func1",
    "runtime/pprof.Do",
    "main.labelled.func1.1",
]
PRICES = [*SERVE, "example.com/orders.(*service).serveOrder", "example.com/orders.(*priceCache).get"]
PARK = ["runtime.gopark"]


@dataclass(frozen=True)
class Kind:
    """Goroutines of one stack and state, and how many of them there are at time t (seconds)."""

    stack: tuple[str, ...]
    state: str
    count: Callable[[float], float]
    reason: str = ""
    created_by: str = "net/http.(*Server).Serve"
    system: bool = False
    cpu: float = 0.0
    labels: tuple[tuple[str, str], ...] = ()


def _wave(mean: float, swing: float, period: float, phase: float = 0.0) -> Callable[[float], float]:
    return lambda t: max(0.0, mean + swing * math.sin(2 * math.pi * t / period + phase))


def _steady(n: float) -> Callable[[float], float]:
    return lambda _t: n


ORDER = (("endpoint", "order"), ("tenant", "blue"))
KINDS = [
    Kind(
        (*PRICES, "sync.(*Mutex).Lock", "internal/sync.(*Mutex).lockSlow", "runtime.semacquire1", *PARK),
        "waiting",
        _wave(34, 30, 21),
        "sync.Mutex.Lock",
        labels=ORDER,
    ),
    Kind(
        (*PRICES, "example.com/orders.(*pool).query", "example.com/orders.(*pool).acquire", "runtime.selectgo", *PARK),
        "waiting",
        _wave(22, 12, 33, 1),
        "select",
        labels=ORDER,
    ),
    Kind(
        (
            *SERVE,
            "example.com/orders.(*service).serveOrder",
            "example.com/orders.(*paymentClient).charge",
            "net/http.(*Client).Do",
            "net/http.(*Client).do",
            "net/http.(*Transport).roundTrip",
            "net/http.(*persistConn).roundTrip",
            "runtime.selectgo",
            *PARK,
        ),
        "waiting",
        _wave(40, 8, 13),
        "select",
        labels=ORDER,
    ),
    Kind(
        (
            *SERVE,
            "example.com/orders.(*service).serveReport",
            "encoding/json.(*Encoder).Encode",
            "encoding/json.(*encodeState).marshal",
            "encoding/json.(*encodeState).reflectValue",
            "encoding/json.structEncoder.encode",
            "encoding/json.sliceEncoder.encode",
        ),
        "running",
        _wave(1.4, 0.8, 9),
        cpu=0.9,
    ),
    Kind(
        (
            *SERVE,
            "example.com/orders.(*service).serveReport",
            "encoding/json.(*Encoder).Encode",
            "encoding/json.(*encodeState).marshal",
            "encoding/json.structEncoder.encode",
            "runtime.mallocgc",
            "runtime.(*mcache).nextFree",
        ),
        "running",
        _wave(0.5, 0.3, 7),
        cpu=0.9,
    ),
    Kind(
        (
            *SERVE,
            "example.com/orders.(*service).serveSearch",
            "sort.Slice",
            "sort.pdqsort_func",
            "example.com/orders.(*service).serveSearch.func1",
        ),
        "running",
        _wave(0.7, 0.6, 17),
        cpu=0.95,
    ),
    Kind((*SERVE, "example.com/orders.(*service).serveSearch"), "runnable", _wave(3, 3, 11)),
    Kind(
        (
            "net/http.(*Server).Serve.gowrap3",
            "net/http.(*conn).serve",
            "net/http.(*conn).readRequest",
            "bufio.(*Reader).Peek",
            "internal/poll.(*FD).Read",
            "internal/poll.runtime_pollWait",
            *PARK,
        ),
        "waiting",
        _wave(120, 20, 61),
        "IO wait",
    ),
    Kind(
        ("example.com/orders.(*workers).run", "runtime.chanrecv2", *PARK),
        "waiting",
        _steady(64),
        "chan receive",
        created_by="example.com/orders.newWorkers",
    ),
    Kind(
        (
            "example.com/orders.(*workers).run",
            "example.com/orders.(*workers).deliver",
            "os.(*File).Write",
            "internal/poll.(*FD).Write",
            "syscall.write",
            "syscall.Syscall",
        ),
        "syscall",
        _wave(4, 3, 15),
        created_by="example.com/orders.newWorkers",
        cpu=0.2,
    ),
    Kind(
        (
            "example.com/orders.(*followers).announce.func1",
            "example.com/orders.(*follower).send",
            "runtime.chansend1",
            *PARK,
        ),
        "waiting",
        lambda t: 3 + 0.2 * t,
        "chan send",
        created_by="example.com/orders.(*followers).announce",
    ),
    Kind(
        ("example.com/orders.(*ledger).retry[go.shape.struct { id int64 }]", "time.Sleep", *PARK),
        "waiting",
        _wave(9, 4, 25),
        "sleep",
        created_by="example.com/orders.(*service).serveOrder",
    ),
    Kind(
        ("runtime.main", "main.main", "sync.(*WaitGroup).Wait", "runtime.semacquire1", *PARK),
        "waiting",
        _steady(1),
        "sync.WaitGroup.Wait",
        created_by="",
    ),
    Kind(
        ("runtime.gcBgMarkWorker", *PARK),
        "waiting",
        _steady(4),
        "GC worker (idle)",
        "runtime.gcBgMarkStartWorkers",
        system=True,
    ),
    Kind(
        ("runtime.gcBgMarkWorker", "runtime.systemstack", "runtime.gcDrain", "runtime.scanobject"),
        "running",
        _wave(0.3, 0.3, 4),
        created_by="runtime.gcBgMarkStartWorkers",
        system=True,
        cpu=0.9,
    ),
    Kind(("runtime.runfinq", *PARK), "waiting", _steady(1), "finalizer wait", "runtime.createfing", system=True),
]


def many(n: int, seed: int = 7) -> list[Kind]:
    """`n` distinct stacks, depth 6 to 40, in every state."""
    rng = random.Random(seed)
    kinds = []
    for i in range(n):
        depth = rng.randrange(6, 40)
        stack = [f"example.com/big/p{rng.randrange(3)}.(*T{d}).M{rng.randrange(1 + d // 4)}" for d in range(depth)]
        state = rng.choice(["waiting"] * 6 + ["running", "runnable", "syscall"])
        kinds.append(
            Kind(
                (*stack, f"example.com/big.leaf{i}"),
                state,
                _wave(rng.random() * 4, 1, rng.uniform(5, 60)),
                rng.choice(REASONS[1:8]) if state == "waiting" else "",
                cpu=0.5 if state == "running" else 0,
            )
        )
    return kinds


def _column(code: str, values: list[Any]) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


@dataclass
class Definitions:
    """One generation's numbers, and what has not been sent of them."""

    strings: dict[str, int] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    nodes: dict[tuple[int, int], int] = field(default_factory=dict)
    groups: dict[tuple[str, str, bool, Any], int] = field(default_factory=dict)
    new: dict[str, list[Any]] = field(default_factory=lambda: {k: [] for k in ("strings", "frames", "nodes", "groups")})

    def __post_init__(self) -> None:
        self.string("")

    def string(self, text: str) -> int:
        if text not in self.strings:
            self.strings[text] = len(self.strings)
            self.new["strings"].append(text)
        return self.strings[text]

    def frame(self, name: str) -> int:
        """A frame, and with the same number a location of that one frame."""
        if name not in self.frames:
            self.frames[name] = len(self.frames)
            package = name.split("(")[0].rsplit(".", 1)[0]
            runtime = name.startswith(("runtime.", "internal/sync.")) and name != "runtime.main"
            line = 20 + sum(name.encode()) % 700
            self.new["frames"].append(
                (self.string(name), self.string(f"/src/{package}/{package.rsplit('/', 1)[-1]}.go"), line, 2 * runtime)
            )
        return self.frames[name]

    def node(self, stack: tuple[str, ...]) -> int:
        node = 0
        for name in stack:
            key = (node, self.frame(name))
            if key not in self.nodes:
                self.nodes[key] = len(self.nodes) + 1
                self.new["nodes"].append(key)
            node = self.nodes[key]
        return node

    def group(self, kind: Kind) -> int:
        key = (kind.created_by, kind.stack[0], kind.system, kind.labels)
        if key not in self.groups:
            self.groups[key] = len(self.groups)
            self.new["groups"].append(
                {
                    "created_by": self.frame(kind.created_by) if kind.created_by else -1,
                    "entry": self.frame(kind.stack[0]),
                    "labels": dict(kind.labels),
                    "system": kind.system,
                }
            )
        return self.groups[key]

    def take(self) -> dict[str, Any]:
        new, self.new = self.new, {k: [] for k in self.new}
        frames, nodes = new["frames"], new["nodes"]
        start = len(self.frames) - len(frames)
        out: dict[str, Any] = {"strings": new["strings"], "groups": new["groups"]}
        if frames:
            functions, files, lines, flags = (list(column) for column in zip(*frames, strict=True))
            out["frames"] = {
                "function": _column("I", functions),
                "file": _column("I", files),
                "line": _column("I", lines),
                "flags": _column("B", flags),
            }
            out["locations"] = {
                "count": _column("B", [1] * len(frames)),
                "frame": _column("I", list(range(start, start + len(frames)))),
            }
        if nodes:
            parents, locations = (list(column) for column in zip(*nodes, strict=True))
            out["nodes"] = {"parent": _column("I", parents), "location": _column("I", locations)}
        return {key: value for key, value in out.items() if value}


def wait_address(row: tuple[float, ...]) -> int:
    """What those of a row wait on."""
    return 0xC000000000 + 0x1A40 * int(row[0])


@dataclass
class Source:
    """Chunks of one synthetic process, one after the other."""

    kinds: list[Kind] = field(default_factory=lambda: KINDS)
    name: str = "orders"
    pid: int = 4121
    engine: tuple[str, str] = ("perf", "")
    started: float = field(default_factory=time.time)
    sequence: int = 0
    seconds: float = 0.0
    definitions: Definitions = field(default_factory=Definitions)
    members: Members = field(default_factory=Members)
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    live: float = 12e6
    goal: float = 24e6
    cycles: int = 0

    @property
    def process(self) -> str:
        return f"{self.pid}-{int(self.started)}"

    def hello(self) -> dict[str, Any]:
        return {
            "type": "process",
            "version": 1,
            "process": self.process,
            "pid": self.pid,
            "name": self.name,
            "command": f"/srv/{self.name} -listen :8080",
            "host": "build-7",
            "runtime": "go",
            "runtime_version": "go1.27.3",
            "module": f"example.com/{self.name}",
            "build_id": "",
            "task": "goroutine",
            "states": STATES,
            "reasons": REASONS,
            "engine": {"name": self.engine[0], "why": self.engine[1]},
            "epoch": int(self.started * NS),
            "budget": 0.01,
        }

    def next(self) -> dict[str, Any]:
        """The next chunk; time moves on by PERIOD."""
        if self.sequence % GENERATION == 0:
            self.definitions = Definitions()
        start, self.seconds = self.seconds, self.seconds + PERIOD
        rows = [self._row(kind) for kind in self.kinds]
        kept = [row for row in rows if row[5] > 0 or row[7] > 0]
        names = ("node", "group", "state", "reason", "flags", "wall", "cpu", "count", "wait")
        columns = {
            name: _column(code, list(values))
            for name, code, values in zip(names, "IIBBBddId", zip(*kept, strict=True), strict=True)
        }
        counts = {
            state: sum(
                row[7] for row, kind in zip(rows, self.kinds, strict=True) if kind.state == state and not kind.system
            )
            for state in STATES
        }
        chunk = {
            "type": "chunk",
            "process": self.process,
            "generation": self.sequence // GENERATION,
            "sequence": self.sequence,
            "start": int(start * NS),
            "end": int(self.seconds * NS),
            **self.definitions.take(),
            "rows": columns,
            "series": self._series(counts),
            "events": self._collect(),
            "sampler": {
                "engine": self.engine[0],
                "scan_hz": 24.0,
                "oncpu_hz": 997.0 if self.engine[0] == "perf" else 0,
                "cpu": 0.0078 + 0.002 * self.rng.random(),
                "budget": 0.01,
                "scans": 5,
                "torn": 0,
                "lost": 0,
                "goroutines": sum(row[7] for row in rows),
            },
        }
        if self.sequence % 5 == 0:
            chunk |= self._second(kept)
            chunk["members"] = self._members(rows)
        self.sequence += 1
        return chunk

    def _row(self, kind: Kind) -> tuple[float, ...]:
        mean = kind.count(self.seconds)
        count = int(mean + self.rng.random())
        wall = mean * PERIOD * NS
        node, group = self.definitions.node(kind.stack), self.definitions.group(kind)
        wait = min(self.seconds, 40.0 if mean > 50 else 1.3) * NS if kind.state == "waiting" else 0.0
        return (
            node,
            group,
            STATES.index(kind.state),
            REASONS.index(kind.reason),
            0,
            wall,
            wall * kind.cpu,
            count,
            wait,
        )

    def _members(self, rows: list[tuple[float, ...]]) -> dict[str, bytes]:
        places = [
            (int(row[0]), int(row[1]), int(row[2]), int(row[3]), wait_address(row) if kind.state == "waiting" else 0)
            for row, kind in zip(rows, self.kinds, strict=True)
        ]
        there = [(kind, int(row[7]), place) for kind, row, place in zip(self.kinds, rows, places, strict=True)]
        return self.members.list_of(there, self.seconds * NS, all_of_them=self.sequence % GENERATION == 0)

    def _series(self, counts: dict[str, int]) -> dict[str, float]:
        self.live += 4e5 * (1 + self.rng.random())
        return {
            **{f"goroutines.{state}": n for state, n in counts.items()},
            "goroutines.system": 6,
            "runq.global": 0,
            "runq.local": max(0, counts["runnable"] - 1),
            "processors": 4,
            "processors.idle": 1,
            "threads": 11,
            "threads.idle": 4,
            "threads.spinning": 1,
            "sched.latency.p50": 4e3,
            "sched.latency.p99": 2e5,
            "heap.live": self.live,
            "heap.goal": self.goal,
            "heap.limit": 0,
            "stacks": 2e6,
            "gc.cycles": self.cycles,
        }

    def _collect(self) -> list[dict[str, Any]]:
        if self.live < self.goal:
            return []
        self.cycles += 1
        self.live = 9e6 + 4e6 * self.rng.random()
        self.goal = 2 * self.live
        return [
            {
                "kind": "gc",
                "at": int((self.seconds - 0.05) * NS),
                "cycle": self.cycles,
                "pause": int(4e4 + 3e5 * self.rng.random() ** 4 * 10),
            }
        ]

    def _second(self, rows: list[tuple[float, ...]]) -> dict[str, Any]:
        waits = [row for row in rows if STATES[int(row[2])] == "waiting" and row[7] > 1]
        kinds = {"sync.Mutex.Lock": "semaphore", "chan receive": "channel", "chan send": "channel", "select": "channel"}
        return {
            "waits": [
                {
                    "kind": kinds.get(REASONS[int(row[3])], "poll"),
                    "address": hex(wait_address(row)),
                    "count": int(row[7]),
                    "longest": int(row[8]),
                    "reason": int(row[3]),
                    "node": int(row[0]),
                }
                for row in waits
            ][:200],
            "processors": [
                {
                    "id": i,
                    "status": ["running", "running", "syscall", "idle"][i],
                    "timers": i,
                    **({"goroutine": 1 + i, "thread": self.pid + 1 + i} if i < 3 else {}),
                    "runq": [3, 0, 1, 0][i],
                    "schedtick": 1000 * self.sequence + i,
                    "syscalltick": 10 * self.sequence,
                }
                for i in range(4)
            ],
        }


def messages(source: Source, seconds: float) -> Iterator[bytes]:
    """The process message and that many seconds of chunks."""
    yield msgpack.packb(source.hello())
    for _ in range(int(seconds / PERIOD)):
        yield msgpack.packb(source.next())


def application(play: Callable[[web.WebSocketResponse], Any], token: Callable[[], str] = str) -> web.Application:
    """Serves the page with the real server's strictness; `play` sends what the socket shall carry."""

    @web.middleware
    async def strict(request: web.Request, handler: Any) -> web.StreamResponse:
        wanted = token()
        if wanted and wanted not in (request.cookies.get("token"), request.query.get("token")):
            return web.Response(status=401, text="a token is needed")
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = CSP
            response.headers["Cache-Control"] = "no-store"
            if wanted:
                response.set_cookie("token", wanted, httponly=True, samesite="Strict")
        return response

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 16)
        await socket.prepare(request)
        player = asyncio.ensure_future(play(socket))
        async for message in socket:
            if message.type == WSMsgType.CLOSE:
                break
        player.cancel()
        return socket

    async def session(_request: web.Request) -> web.Response:
        return web.json_response({"mode": "live"})

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html")

    app = web.Application(middlewares=[strict])
    app.router.add_get("/under/a/prefix/", index)
    app.router.add_get("/under/a/prefix/stream", stream)
    app.router.add_get("/under/a/prefix/session", session)
    app.router.add_static("/under/a/prefix/", STATIC)
    return app


async def live(socket: web.WebSocketResponse, source: Source, history: float = 0) -> None:
    """Plays `history` seconds at once, then a chunk every PERIOD for as long as the socket is open."""
    if history:
        source.started -= history
        for message in messages(source, history):
            await socket.send_bytes(message)
    while not socket.closed:
        due = source.started + source.seconds + PERIOD
        await asyncio.sleep(max(0.0, due - time.time()))
        await socket.send_bytes(msgpack.packb(source.next()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=4399)
    parser.add_argument("--history", type=float, default=100)
    parser.add_argument("--stacks", type=int, default=0)
    options = parser.parse_args()

    async def play(socket: web.WebSocketResponse) -> None:
        source = Source(kinds=many(options.stacks)) if options.stacks else Source()
        await live(socket, source, options.history)

    web.run_app(application(play), host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
