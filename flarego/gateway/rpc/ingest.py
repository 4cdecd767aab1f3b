"""Ingest.Stream: an agent tells of one process, from Hello until it ends."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Literal

from flarego.gateway.auth.principal import Scope
from flarego.gateway.channel import Channel
from flarego.gateway.hub import DEFAULT_NAMESPACE, Hub
from flarego.gateway.limits import LimitReached, Meter
from flarego.gateway.policy import Rule
from flarego.gateway.rpc.server import Call
from flarego.model.chunk import Chunk, Gone, ProcessInfo
from flarego.wire.codec import BadMessage, decode
from flarego.wire.envelope import (
    INGEST,
    Ack,
    Bye,
    Data,
    Encoding,
    Hello,
    Refusal,
    Welcome,
    decode_agent,
    encode_gateway,
)
from flarego.wire.grpc import CallFailed, Status
from flarego.wire.packing import Unpacker
from flarego.wire.prometheus import Registry

ACK_S = 0.1
"""Acknowledgements wait so long for each other."""
MAX_REFUSED = 100
"""Messages of one stream that may be wrong; then the stream is."""
LIVE_S = 5.0
"""An older agent of the same process may come back when the newer one has said nothing for so long."""
_PROCESS = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class Ingest:
    """Answers Ingest.Stream."""

    path = INGEST
    rule = Rule(Scope.INGEST)

    def __init__(self, hub: Hub, meter: Meter | None = None, registry: Registry | None = None) -> None:
        self._hub = hub
        self._meter = meter or Meter()
        registry = registry or Registry()
        self._chunks = registry.counter("flarego_ingest_chunks_total", "Chunks taken.", ["namespace"])
        self._bytes = registry.counter("flarego_ingest_bytes_total", "Bytes of chunks taken, unpacked.", ["namespace"])
        self._again = registry.counter("flarego_ingest_duplicates_total", "Messages sent again.", ["namespace"])
        self._refused = registry.counter("flarego_ingest_refused_total", "Messages that were wrong.", ["namespace"])
        self._unpacker = Unpacker()

    async def call(self, call: Call) -> None:
        first = await call.recv()
        hello = decode_agent(first) if first is not None else None
        if not isinstance(hello, Hello):
            raise CallFailed(Status.INVALID_ARGUMENT, "the first message should be Hello")
        info = _process(hello)
        namespace = hello.namespace or call.principal.only_namespace(Scope.INGEST) or DEFAULT_NAMESPACE
        call.require(namespace, info.process)
        with self._meter.holding("agents", namespace):
            channel = await self._admit(namespace, info)
            packing = Encoding.ZSTD if Encoding.ZSTD in hello.encodings else Encoding.RAW
            limit = self._meter.limits.request_bytes
            await call.send(encode_gateway(Welcome(namespace, packing, channel.last, limit)))
            await self._take_all(call, channel, info)

    async def _admit(self, namespace: str, info: ProcessInfo) -> Channel:
        known = self._hub.channel(namespace, info.process)
        if known is None:
            self._meter.allow("processes", namespace, len(self._hub.channels(namespace)) + 1)
        elif known.epoch > info.epoch and time.time() - known.last_seen < LIVE_S:
            raise CallFailed(Status.FAILED_PRECONDITION, f"another agent watches process {info.process} by now")
        return await self._hub.admit(info, namespace=namespace)

    async def _take_all(self, call: Call, channel: Channel, info: ProcessInfo) -> None:
        """Take what comes until the agent ends, or we must."""
        safe = _Latest()
        end = channel.on_durable(safe.set)
        acknowledging = asyncio.ensure_future(self._acknowledge(call, safe))
        draining = asyncio.ensure_future(call.draining.wait())
        wrong = 0
        try:
            safe.set(channel.durable)
            while (data := await self._next(call, draining)) is not None:
                try:
                    await self._take(channel, info, data)
                except BadMessage as e:
                    wrong += 1
                    self._refused.inc(channel.namespace)
                    if wrong > MAX_REFUSED:
                        raise
                    await call.send(encode_gateway(Refusal("invalid", e.message, 0, data.sequence)))
                    safe.set(data.sequence)  # it will not get better by being sent again
        finally:
            end()
            draining.cancel()
            acknowledging.cancel()
            await asyncio.gather(draining, acknowledging, return_exceptions=True)
        if safe.told < safe.value:
            await call.send(encode_gateway(Ack(safe.value)))

    async def _next(self, call: Call, draining: asyncio.Future[Literal[True]]) -> Data | None:
        """Return the next Data; None at the end."""
        coming = asyncio.ensure_future(call.recv())
        try:
            await asyncio.wait((coming, draining), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                await call.send(encode_gateway(Refusal("moved", "this gateway stops")))
                return None
            received = coming.result()
        finally:
            coming.cancel()
        message = decode_agent(received) if received is not None else None
        if isinstance(message, Hello):
            raise CallFailed(Status.INVALID_ARGUMENT, "Hello comes once")
        if received is not None and message is None:
            return Data(0, b"")
        return None if isinstance(message, Bye) else message

    async def _take(self, channel: Channel, info: ProcessInfo, data: Data) -> None:
        if not data.sequence:
            return  # of a later version
        limit = self._meter.limits.request_bytes
        raw = self._unpacker.unpack(data.payload, data.encoding, data.raw_size, limit)
        while True:
            try:
                self._meter.take(channel.namespace, len(raw))
                break
            except LimitReached as e:  # the agent is held back by HTTP/2's windows, and spools
                await asyncio.sleep(min(e.retry_after_s, 1.0))
        message = decode(raw)
        if not isinstance(message, ProcessInfo | Chunk | Gone) or message.process != channel.process:
            raise BadMessage("neither a process message, nor a chunk, nor gone, of the process that Hello named")
        if isinstance(message, ProcessInfo) and message.epoch != info.epoch:
            raise BadMessage("a process message with another epoch: that wants a stream of its own")
        if self._hub.channel(channel.namespace, channel.process) is not channel:
            raise CallFailed(Status.FAILED_PRECONDITION, f"another agent watches process {channel.process} by now")
        if not self._hub.publish(message, namespace=channel.namespace, data=raw, sequence=data.sequence):
            self._again.inc(channel.namespace)
        elif isinstance(message, Chunk):
            self._chunks.inc(channel.namespace)
            self._bytes.inc(channel.namespace, by=len(raw))

    async def _acknowledge(self, call: Call, safe: _Latest) -> None:
        while True:
            value = await safe.next()
            await call.send(encode_gateway(Ack(value)))
            await asyncio.sleep(ACK_S)


class _Latest:
    """The greatest number so far, and whether it was told."""

    def __init__(self) -> None:
        self.value = self.told = 0
        self._changed = asyncio.Event()

    def set(self, value: int) -> None:
        if value > self.value:
            self.value = value
            self._changed.set()

    async def next(self) -> int:
        """Return a number greater than the one before."""
        await self._changed.wait()
        self._changed.clear()
        self.told = self.value
        return self.value


def _process(hello: Hello) -> ProcessInfo:
    info = decode(hello.process)
    if not isinstance(info, ProcessInfo):
        raise BadMessage("Hello should hold a process message")
    if not _PROCESS.fullmatch(info.process):
        raise BadMessage("the id of a process is 1 to 128 of A-Z a-z 0-9 . _ -")
    return info
