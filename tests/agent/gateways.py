"""Gateways to send to: the real one, in a process of its own; and one on grpcio that does as a test tells it."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from flarego.model.chunk import Chunk, Message
from flarego.model.merge import Merger
from flarego.wire.codec import decode
from flarego.wire.envelope import (
    INGEST,
    WATCH,
    Ack,
    Data,
    GatewayMessage,
    Hello,
    WatchRequest,
    Welcome,
    decode_agent,
    decode_watched,
    encode_gateway,
    encode_watch_request,
)
from flarego.wire.packing import Unpacker

FLAREGO = (sys.executable, "-c", "from flarego.cli.main import main; main()")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], Any], what: str = "it", seconds: float = 15) -> Any:
    """Wait until the condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.01)
    return found


class Told:
    """A gateway by the book of grpcio: takes everything and acknowledges it, unless told otherwise."""

    def __init__(self) -> None:
        self.hellos: list[tuple[Hello, str]] = []
        """And what each showed as authorization."""
        self.data: dict[int, Message] = {}
        """By Data.sequence; of one stream."""
        self.times: list[int] = []
        """Every Data.sequence that came, again or not."""
        self.byes = 0
        self.encoding = 1
        self.acknowledges = True
        self.answers: queue.Queue[Callable[[Told, Any], Any]] = queue.Queue()
        """What to do at a Hello, one for each; then all are welcome."""
        self.replies: queue.Queue[GatewayMessage | None] = queue.Queue()
        """What else to say; None ends the stream."""
        self._unpacker = Unpacker()
        self.last = 0

    def __call__(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        hello = decode_agent(next(requests))
        assert isinstance(hello, Hello)
        shown = dict(context.invocation_metadata()).get("authorization", "")
        self.hellos.append((hello, str(shown)))
        if not self.answers.empty():
            self.answers.get()(self, context)
        yield encode_gateway(Welcome("default", self.encoding, self.last, 16 << 20))
        threading.Thread(target=self._take, args=(requests,), daemon=True).start()
        while (reply := self.replies.get()) is not None:
            yield encode_gateway(reply)

    def _take(self, requests: Iterator[bytes]) -> None:
        try:
            for request in requests:
                message = decode_agent(request)
                if not isinstance(message, Data):
                    self.byes += 1
                    self.replies.put(None)
                    return
                raw = self._unpacker.unpack(message.payload, message.encoding, message.raw_size, 16 << 20)
                taken = decode(raw)
                assert taken is not None
                self.times.append(message.sequence)
                if message.sequence > self.last:
                    self.last = message.sequence
                    self.data[message.sequence] = taken
                if self.acknowledges:
                    self.replies.put(Ack(message.sequence))
        except grpc.RpcError:
            return

    @contextmanager
    def serving(self, credentials: grpc.ServerCredentials | None = None, port: int = 0) -> Iterator[int]:
        """Serve at 127.0.0.1, and give the port."""
        server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        handler = grpc.stream_stream_rpc_method_handler(self)
        service, method = INGEST[1:].split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        address = f"127.0.0.1:{port}"
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        assert port
        server.start()
        try:
            yield port
        finally:
            self.replies.put(None)
            server.stop(0).wait()


def refuse(status: grpc.StatusCode, why: str) -> Callable[[Told, Any], Any]:
    """Answer a Hello with that status."""
    return lambda _, context: context.abort(status, why)


class Real:
    """`flarego gateway` in a process of its own, at a port that stays the same."""

    def __init__(
        self, folder: Path, *options: str, host: str = "127.0.0.1", port: int = 0, within: Sequence[str] = ()
    ) -> None:
        """host: where it listens, and is reached. within: what to put before the command."""
        self._within = within
        self.host, self.port = host, port or free_port()
        self._folder = folder
        tokens = str(folder / "tokens")
        made = subprocess.run(
            [*FLAREGO, "token", "create", "--name", "all", "--scope", "ingest", "--scope", "read", "--namespace", "*",
             "--tokens", tokens],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.token = re.search(r"flg_\S+", made.stdout)[0]  # type: ignore[index]
        self.token_file = folder / "token"
        self.token_file.write_text(self.token)
        self._options = (*options, "--tokens", tokens)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def reach(self) -> list[str]:
        """Options of an agent that sends to it."""
        return ["--gateway", self.address, "--token-file", str(self.token_file)]

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)

    def start(self) -> None:
        environment = {**os.environ, "XDG_CONFIG_HOME": str(self._folder)}
        command = [*self._within, *FLAREGO, "gateway", "--listen", self.address, *self._options]
        log = (self._folder / "gateway.log").open("ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        until(self._listens, "the gateway")

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self._folder / "gateway.log").read_text()
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """As SIGKILL does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Watching:
    """What a gateway shows of all processes, as it comes."""

    def __init__(self, gateway: Real, since_s: float = 0) -> None:
        self._channel = grpc.insecure_channel(gateway.address)
        watch, everything = self._channel.unary_stream(WATCH), encode_watch_request(WatchRequest(since_s=since_s))
        self._stream = watch(everything, metadata=gateway.metadata, timeout=60)
        self.processes: dict[str, Merger] = {}

    def until(self, condition: Callable[[Any], bool]) -> Any:
        """Read until a message for which that is true. Raises UndefinedReference for what cannot be read."""
        for data in self._stream:
            message = decode(decode_watched(data))
            if isinstance(message, Chunk):
                self.processes.setdefault(message.process, Merger()).add(message)
            if condition(message):
                return message
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self._channel.close()
