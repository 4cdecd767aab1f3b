"""The WebSocket stream: frames as the standard has them, shared; whoever reads slowly, or not at all."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.streams import INFO, Reader, Source

from flarego.gateway import stream
from flarego.gateway.frames import FRAGMENT, Frames, fragments
from flarego.gateway.hub import Hub
from flarego.model.chunk import Notice
from flarego.wire.codec import decode
from gateway.conftest import Client


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 it may be anything
            await asyncio.sleep(0.01)


def unframed(data: bytes) -> tuple[int, bytes]:
    """Return first byte and payload of a server's frame, which must be all there is."""
    size, at = data[1], 2
    if size == 126:
        size, at = int.from_bytes(data[2:4]), 4
    elif size == 127:
        size, at = int.from_bytes(data[2:10]), 10
    assert len(data) == at + size
    return data[0], data[at:]


@given(st.sampled_from([1, 125, 126, 127, 65535, 65536, 70_000, 200_000]))
def test_frames_are_those_of_the_standard(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    assert unframed(Frames().of(data)) == (0x82, data)
    pieces = [unframed(frame) for frame in fragments(data)]
    assert b"".join(piece for _, piece in pieces) == data
    firsts = [first for first, _ in pieces]
    assert firsts == ([0x82] if size <= FRAGMENT else [2, *[0] * (len(firsts) - 2), 0x80])


def test_the_frame_of_a_message_is_made_once() -> None:
    frames, data = Frames(), b"x" * 1000
    assert frames.of(data) is frames.of(data)
    frames.of(b"y")
    assert frames.made == 2


async def test_a_message_longer_than_a_frame_comes_whole_to_all(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    async with await client.stream() as one, await client.stream() as other:
        readers = {one: Reader(), other: Reader()}
        hub.publish(source.chunk(filling=5 * FRAGMENT))
        hub.publish(source.chunk())
        for socket, reader in readers.items():
            while len(reader.meanings) < 2:
                reader.feed(await socket.receive_bytes(timeout=10))
            assert reader.meanings == source.meanings


async def test_warnings_reach_those_who_keep_up(client: Client) -> None:
    hub = client.gateway.hub
    hub.publish(INFO)
    async with await client.stream() as socket:
        await socket.receive_bytes(timeout=10)
        hub.warn(["Redis is away"])
        assert decode(await socket.receive_bytes(timeout=10)) == Notice(["Redis is away"])


async def test_who_reads_nothing_is_let_go_and_nobody_else_notices(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STALLED_S", 0.5)
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    stalled = await _deaf(client)
    async with await client.stream() as quick:
        reader = Reader()
        async with asyncio.timeout(30):
            while hub_readers(hub) > 1 or not reader.meanings:
                hub.publish(source.chunk(filling=50_000))
                reader.feed(await quick.receive_bytes())
                await asyncio.sleep(0.005)
        assert hub_readers(hub) == 1
        assert not reader.gaps
    stalled.close()


async def test_the_kernel_holds_little_of_a_viewer_that_does_not_read(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    stalled = await _deaf(client, 1 << 22)
    await until(lambda: hub_readers(hub) == 1)
    sent = 0
    for _ in range(400):
        sent += hub.publish(source.chunk(filling=20_000)) and 20_000
        await asyncio.sleep(0)
    [subscriber] = hub._subscribers
    await until(lambda: subscriber.take() is not None)  # what is left was not swallowed
    assert subscriber.dropped > 100
    stalled.close()


async def test_a_gateway_that_stops_does_not_wait_for_those_who_read_nothing(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    stalled = await _deaf(client)
    async with await client.stream() as quick:
        for _ in range(100):
            hub.publish(source.chunk(filling=50_000))
        stopping = asyncio.ensure_future(client.gateway.stop())
        while (await quick.receive(timeout=10)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert quick.close_code == aiohttp.WSCloseCode.GOING_AWAY
        async with asyncio.timeout(5):
            await stopping
    stalled.close()


async def _deaf(client: Client, window: int = 4096) -> sockets.socket:
    """Return a connection that asks for the stream, and reads nothing but that it is accepted."""
    sock = sockets.socket()
    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, window)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", client.gateway.port))
    await loop.sock_sendall(
        sock,
        f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{client.gateway.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        f"Authorization: Bearer {client.gateway.token}\r\n\r\n".encode(),
    )
    assert (await loop.sock_recv(sock, 12)).startswith(b"HTTP/1.1 101")
    return sock


def hub_readers(hub: Hub) -> int:
    return sum(len(channel.readers) for channel in hub.channels())


async def test_what_is_wrong_with_one_viewer_is_not_the_others_trouble(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    async with await client.stream() as broken, await client.stream() as other:
        for socket in (broken, other):
            await socket.receive_bytes(timeout=10)
        [victim, *_] = hub._subscribers
        monkeypatch.setattr(victim, "take", lambda: 1 / 0)
        await asyncio.sleep(0)
        for _ in range(3):
            hub.publish(source.chunk())
        await until(lambda: hub_readers(hub) == 1)
        received = [(await socket.receive(timeout=10)).type for socket in (broken, other)]
        assert received.count(aiohttp.WSMsgType.BINARY) == 1
