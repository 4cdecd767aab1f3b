"""The stream over WebSocket: what a subscriber takes, on its way to a browser.

Whoever keeps up is written to where the hub publishes: the same frame for all of them, without a task being woken.
Whoever does not has what is due fetched by a task of its own, as fast as it reads, until it has caught up; the hub
sees to it that this is never much. The kernel is kept from hiding that somebody does not read.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket as sockets

from aiohttp import WSCloseCode, web

from flarego.gateway.frames import FRAGMENT, Frames, fragments
from flarego.gateway.guard import TRUST, refused
from flarego.gateway.hub import Hub, Subscriber
from flarego.gateway.policy import NAMESPACE, Rule, Scope, add_route, message_rule
from flarego.wire.prometheus import Counter

HEARTBEAT_S = 20.0
STALLED_S = 30.0
"""A peer that takes nothing for so long is let go."""
SEND_BUFFER = 128 << 10
"""Bytes that the kernel may hold of a connection."""
_NOT_SENT = 64 << 10
_GOODBYE_S = 1.0
_POLL_S, _MAX_POLL_S = 0.005, 0.2
_MAX_RECEIVED = 1 << 12
_MAX_CHOSEN = 32

_log = logging.getLogger(__name__)
_HUB = web.AppKey("stream.hub", Hub)
_FRAMES = web.AppKey("stream.frames", Frames)
_SOCKETS: web.AppKey[dict[web.WebSocketResponse, asyncio.Transport]] = web.AppKey("stream.sockets", dict)
_SKIPPED = web.AppKey("stream.skipped", Counter)
_STALLED = web.AppKey("stream.stalled", Counter)


def add_stream(app: web.Application, hub: Hub) -> None:
    """Add the route, and what it counts."""
    app[_HUB], app[_FRAMES], app[_SOCKETS] = hub, Frames(), {}
    registry = app[TRUST].registry
    app[_SKIPPED] = registry.counter(
        "flarego_stream_skipped_total", "Chunks that viewers too slow for them were not sent.", ["namespace"]
    )
    app[_STALLED] = registry.counter("flarego_stream_stalled_total", "Viewers let go: they took nothing for long.")
    add_route(app, "GET", "/stream", _stream, Rule(Scope.READ))
    app.on_shutdown.append(_close_sockets)


async def _stream(request: web.Request) -> web.StreamResponse:
    """Send what there is, and what comes, of `?process=ID` (it may be repeated; without it, of the whole namespace).

    `?since=SECONDS` asks for more of the past.
    """
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=_MAX_RECEIVED)
    if not socket.can_prepare(request):
        return refused(426, "this address speaks WebSocket", "open the page, or connect with a WebSocket client")
    app = request.app
    hub, namespace, processes = app[_HUB], request[NAMESPACE], request.query.getall("process", [])
    since = _seconds(request.query.get("since", "0"), hub.bounds.seconds)
    if since is None:
        return refused(400, "since is no number of seconds", "e.g. ?since=60")
    if len(processes) > _MAX_CHOSEN:
        return refused(400, "so many processes at once are not sent", f"choose up to {_MAX_CHOSEN}, or none for all")
    for process in processes:
        if await hub.follow(namespace, process) is None:
            return refused(404, "there is no such process", "api/v1/processes lists what there is")
    with (
        app[TRUST].meter.holding("subscribers", namespace),
        hub.subscribe(since, namespace=namespace, processes=processes) as subscriber,
    ):
        await socket.prepare(request)
        assert request.transport is not None
        app[_SOCKETS][socket] = request.transport
        viewer = Viewer(request.transport, subscriber, app[_FRAMES])
        sending = asyncio.ensure_future(viewer.run())
        try:
            async for message in socket:  # this answers pings, and notices the end
                if message_rule(app, "/stream", message.type.name) is None:
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nothing may be said here")
        finally:
            app[_SOCKETS].pop(socket, None)
            subscriber.notify = None
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            app[_SKIPPED].inc(namespace, by=subscriber.dropped)
            app[_STALLED].inc(by=viewer.stalled)
    return socket


class Viewer:
    """Writes to one connection what its subscriber takes."""

    def __init__(self, transport: asyncio.WriteTransport, subscriber: Subscriber, frames: Frames) -> None:
        self._transport = transport
        self._subscriber = subscriber
        self._frames = frames
        self._behind = asyncio.Event()
        self._behind.set()
        self._long = b""
        """A message that was taken, too long to be written at once."""
        self.stalled = False
        limit_kernel(transport)
        subscriber.notify = self._push

    def _push(self) -> None:
        """Something is due: write it, if everything before it is on its way."""
        if self._behind.is_set():
            return
        try:
            self._write_due()
        except Exception:  # whatever is wrong with one viewer is not to stop what comes in, nor the others
            _log.exception("a viewer is let go")
            self._subscriber.notify = None
            self._transport.abort()

    def _write_due(self) -> None:
        transport = self._transport
        while not transport.get_write_buffer_size():
            data = self._subscriber.take()
            if data is None:
                return
            if len(data) > FRAGMENT:
                self._long = data
                break
            transport.write(self._frames.of(data))
        self._behind.set()

    async def run(self) -> None:
        """Fetch what is due whenever the peer has not kept up, until cancelled or the peer takes nothing for long."""
        try:
            while True:
                await self._behind.wait()
                while (data := self._take()) is not None:
                    await self._send(data)
                self._behind.clear()
        except TimeoutError:
            self.stalled = True
            self._transport.abort()

    def _take(self) -> bytes | None:
        if self._long:
            data, self._long = self._long, b""
            return data
        return self._subscriber.take()

    async def _send(self, data: bytes) -> None:
        if len(data) <= FRAGMENT:
            await self._room()
            self._transport.write(self._frames.of(data))
            return
        for frame in fragments(data):
            await self._room()
            self._transport.write(frame)

    async def _room(self) -> None:
        """Wait until the transport holds little. Raises TimeoutError when it does not get less for long."""
        left, pause, loop = self._transport.get_write_buffer_size(), _POLL_S, asyncio.get_running_loop()
        moved = loop.time()
        while left and not self._transport.is_closing():
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_POLL_S)
            now_left = self._transport.get_write_buffer_size()
            if now_left < left:
                left, pause, moved = now_left, _POLL_S, loop.time()
            elif loop.time() - moved > STALLED_S:
                raise TimeoutError


def limit_kernel(transport: asyncio.WriteTransport) -> None:
    """Let the kernel hold little: it would take megabytes for a peer that reads nothing."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (sockets.AF_INET, sockets.AF_INET6):
        return
    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)
    if hasattr(sockets, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, _NOT_SENT)


def _seconds(text: str, longest: float) -> float | None:
    """Return a stretch of the past we can have; None when it is no number."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), longest)


async def _close_sockets(app: web.Application) -> None:
    """Say goodbye to everybody, and wait a moment for those who listen."""
    closing = [
        asyncio.ensure_future(socket.close(code=WSCloseCode.GOING_AWAY, message=b"flarego stops"))
        for socket in app[_SOCKETS]
    ]
    if not closing:
        return
    _, left = await asyncio.wait(closing, timeout=_GOODBYE_S)
    for transport in list(app[_SOCKETS].values()):
        transport.abort()
    for one in left:
        one.cancel()
    await asyncio.gather(*closing, return_exceptions=True)
