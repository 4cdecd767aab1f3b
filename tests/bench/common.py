"""What the benchmarks share: clocks, flarego as a child process, its chunk stream, figures."""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
import msgpack
import zstandard
from yarl import URL

START_TIMEOUT_S = 20
CLOSING_S = 0.2
MAX_MESSAGE = 64 << 20
FLAREGO = (sys.executable, "-c", "from flarego.cli.main import main; main()")
_URL = re.compile(r"http://\S+")
_ZSTD = b"\x28\xb5\x2f\xfd"


def arguments(description: str | None, **defaults: float | int) -> argparse.Namespace:
    """Return the command line's options, one for each default."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, past ones included (a POSIX CPU clock)."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True)
class Span:
    """What a stretch of time cost: seconds of wall clock, and of CPU by process."""

    wall: float
    cpu: tuple[float, ...]


def measure(seconds: float, *pids: int) -> Span:
    """Sleep, and return what the processes used meanwhile."""
    before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    wall = time.monotonic() - began
    used = (cpu_seconds(pid) - old for pid, old in zip(pids, before, strict=True))
    return Span(wall, tuple(used))


class Attached:
    """`flarego attach` on a process, in a process of its own, with default settings."""

    def __init__(self, pid: int, *options: str) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*FLAREGO, "attach", "--pid", str(pid), "--listen", "127.0.0.1:0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._has_url = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._has_url.wait(START_TIMEOUT_S) or not self.url:
            self.close()
            raise RuntimeError("flarego attach did not start:\n" + "".join(self._lines))

    url = ""

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
            if not self.url and (match := _URL.search(line)):
                self.url = match[0]
                self._has_url.set()
        self._has_url.set()

    @property
    def pid(self) -> int:
        return self.process.pid

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Attached:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Stream:
    """The messages of a dashboard's stream as they arrive: (time.monotonic(), message)."""

    def __init__(self, url: str) -> None:
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self._url = url
        self._cursor = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        # As a browser does: the page with the token first, which leaves a cookie, then the stream.
        jar, page = aiohttp.CookieJar(unsafe=True), URL(self._url)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(page) as response:
                response.raise_for_status()
            stream = page.join(URL("stream")).with_query(page.query)
            async with session.ws_connect(stream, origin=str(page.origin()), max_msg_size=MAX_MESSAGE) as socket:
                await self._receive(socket)

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not self._closing.is_set():
            try:
                message = await socket.receive(timeout=CLOSING_S)
            except TimeoutError:
                continue
            if message.type != aiohttp.WSMsgType.BINARY:
                return
            self.messages.append((time.monotonic(), decode(message.data)))

    def chunks(self) -> list[tuple[float, dict[str, Any]]]:
        return [entry for entry in list(self.messages) if entry[1].get("type") == "chunk"]

    def wait(self, accept: Callable[[dict[str, Any]], bool], timeout: float = 30) -> float:
        """Return when the first message arrived that accept() takes; each is offered once in all.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            while self._cursor < len(self.messages):
                arrival, message = self.messages[self._cursor]
                self._cursor += 1
                if accept(message):
                    return arrival
            time.sleep(0.002)
        raise TimeoutError("the stream did not bring what was waited for")

    def take(self) -> list[tuple[float, dict[str, Any]]]:
        """Return the messages that neither take() nor wait() has offered yet."""
        fresh = self.messages[self._cursor :]
        self._cursor += len(fresh)
        return fresh

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()


def decode(data: bytes) -> dict[str, Any]:
    """Return one message of the stream, compressed or not."""
    if data.startswith(_ZSTD):
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    message = msgpack.unpackb(data)
    assert isinstance(message, dict)
    return message


def table(title: Sequence[str], rows: Iterator[Sequence[object]] | Sequence[Sequence[object]]) -> None:
    """Print rows in columns."""
    cells = [[str(cell) for cell in row] for row in [title, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)),
            flush=True,
        )


def spread(values: Sequence[float]) -> str:
    """Return "median (least .. greatest)" of percentages."""
    return f"{statistics.median(values):.2f}% ({min(values):.2f} .. {max(values):.2f})"


def verdict(what: str, value: float, bar: float, unit: str) -> None:
    """Print the figure beside its bar."""
    word = "met" if value <= bar else "MISSED"
    print(f"{what}: {value:.2f} {unit}, bar {bar:g} {unit}: {word}", flush=True)
