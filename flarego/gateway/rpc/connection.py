"""One HTTP/2 connection that speaks gRPC: streams in, messages out, and everything bounded.

On h2, which knows HTTP/2 and does no I/O. What is bounded: frames, windows, streams, headers, messages, streams begun
and reset at once (CVE-2023-44487), and how long a peer may be silent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame
from multidict import CIMultiDict

from flarego.gateway.rpc.server import Call, Services
from flarego.wire.grpc import CONTENT_TYPE, ENCODINGS, MAX_MESSAGE, CallFailed, Deframer, Status, encode_text, frame
from flarego.wire.grpc import timeout as timeout_of

MAX_STREAMS = 128
STREAM_WINDOW = 1 << 20
CONNECTION_WINDOW = 8 << 20
MAX_FRAME = 1 << 18
MAX_HEADERS = 16 << 10
MAX_RESETS = 200
"""In RESETS_S."""
RESETS_S = 10.0
QUEUED = 1 << 18
"""Bytes of complete messages of one stream that wait to be taken; then the peer gets no more window."""
PING_S = 30.0
SILENCE_S = 75.0
"""A peer from which nothing came for so long, not even an answer to our pings, is gone."""
FIRST_CALL_S = 5.0
IDLE_S = 300.0
"""A connection without a stream for so long is closed."""
_SETTINGS: dict[h2.settings.SettingCodes | int, int] = {
    h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    h2.settings.SettingCodes.MAX_FRAME_SIZE: MAX_FRAME,
    h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
    h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
}
_CONFIG = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False)


class StreamCall(Call):
    """A call that came as a stream of HTTP/2."""

    def __init__(
        self,
        connection: GrpcConnection,
        stream: int,
        path: str,
        peer: str,
        metadata: Mapping[str, str],
        limit: int,
    ) -> None:
        super().__init__(path, peer, metadata)
        self.stream = stream
        self.began = False
        """Whether headers were sent."""
        self.failure: CallFailed | None = None
        self.sendable = asyncio.Event()
        self._connection = connection
        self._deframer = Deframer(limit, metadata.get("grpc-encoding", "identity"))
        self._messages: deque[bytes] = deque()
        self._queued = 0
        self._owed = 0
        """Bytes of window that are not given back yet."""
        self._ended = False
        self._arrived = asyncio.Event()

    def feed(self, data: bytes, window: int) -> None:
        """Take a piece of the stream that used up so much window."""
        self._owed += window
        if self.failure is None:
            try:
                for message in self._deframer.feed(data):
                    self._messages.append(message)
                    self._queued += len(message)
            except CallFailed as e:
                self.failure = e
        self._arrived.set()
        if self._queued <= QUEUED:
            self._repay()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        if self._deframer.partial and self.failure is None:
            self.failure = CallFailed(Status.INTERNAL, "the last message was cut short")
        self._arrived.set()

    async def recv(self) -> bytes | None:
        while not self._messages:
            if self.failure is not None:
                raise self.failure
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._queued -= len(message)
        if self._owed and self._queued <= QUEUED:
            self._repay()
            self._connection.flush()
        return message

    def release(self) -> None:
        """Give back all window, whatever is left unread."""
        self._repay()

    def _repay(self) -> None:
        owed, self._owed = self._owed, 0
        self._connection.acknowledge(self.stream, owed)

    async def send(self, message: bytes) -> None:
        self._connection.begin(self)
        await self._connection.send(self, frame(message))


class GrpcConnection(asyncio.Protocol):
    """The protocol of one connection. `services` answers the calls."""

    def __init__(
        self, services: Services, peer: str = "", limit: int = MAX_MESSAGE, head_s: float = FIRST_CALL_S
    ) -> None:
        """limit: bytes of a message. head_s: seconds until the first call must have come."""
        self._services = services
        self._peer = peer
        self._limit = limit
        self._head_s = head_s
        self._h2 = h2.connection.H2Connection(_CONFIG)
        self._calls: dict[int, StreamCall] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._resets: deque[float] = deque()
        self._draining = self._called = False
        self._loop = asyncio.get_running_loop()
        self._heard = self._busy = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._h2.update_settings(_SETTINGS)
        # At once: h2 would apply it only to what is read after the acknowledgement, not to what comes along with it.
        self._h2.max_inbound_frame_size = MAX_FRAME
        self._h2.increment_flow_control_window(CONNECTION_WINDOW - 65_535)
        self.flush()
        self._timer = self._loop.call_later(self._head_s or PING_S, self._look_after)

    @property
    def closed(self) -> bool:
        return self._transport is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks.values():
            task.cancel()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except h2.exceptions.ProtocolError:
            self.flush()  # it says GOAWAY
            self._close()
            return
        self.flush()
        if len(getattr(self._h2.incoming_buffer, "_data", b"")) > MAX_FRAME + 9:
            self.abort()  # h2 looks at a frame's length only once it has all of it

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._request(event.stream_id, event.headers or ())
            case h2.events.DataReceived():
                call = self._calls.get(event.stream_id)
                if call is None:
                    self.acknowledge(event.stream_id, event.flow_controlled_length)
                else:
                    call.feed(event.data, event.flow_controlled_length)
            case h2.events.StreamEnded():
                if (call := self._calls.get(event.stream_id)) is not None:
                    call.end()
            case h2.events.StreamReset():
                self._reset(event.stream_id)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for call in self._calls.values():
                    call.sendable.set()
            case h2.events.ConnectionTerminated():
                self._draining = True

    def _request(self, stream: int, headers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        fields = CIMultiDict((str(name), str(value)) for name, value in headers)
        path = fields.get(":path", "")
        problem = _problem(fields)
        if problem or len(self._tasks) >= MAX_STREAMS:
            status, text = problem or (503, "too many calls at once")
            self._h2.send_headers(
                stream, [(":status", str(status)), ("grpc-status", "2"), ("grpc-message", text)], True
            )
            return
        self._called = True
        call = StreamCall(self, stream, path, self._peer, fields, self._limit)
        self._calls[stream] = call
        self._tasks[stream] = self._loop.create_task(self._serve(call, fields.get("grpc-timeout")))

    async def _serve(self, call: StreamCall, patience: str | None) -> None:
        try:
            try:
                seconds = timeout_of(patience) if patience else None
                if self._draining:
                    call.draining.set()
                status, text = await self._services.answer(call, seconds)
            except CallFailed as e:
                status, text = Status(e.status), e.message
            await self._finish(call, status, text)
        finally:
            self._calls.pop(call.stream, None)
            self._tasks.pop(call.stream, None)
            call.release()
            self._busy = self._loop.time()
            if self._draining and not self._tasks:
                self._close()

    async def _finish(self, call: StreamCall, status: Status, text: str) -> None:
        trailers = [("grpc-status", str(int(status)))] + ([("grpc-message", encode_text(text))] if text else [])
        if not call.began:
            trailers = [*_HEADERS, *trailers]
        await self._writable.wait()
        try:
            self._h2.send_headers(call.stream, trailers, end_stream=True)
            if call.stream in self._h2.streams and not self._h2.streams[call.stream].closed:
                self._h2.reset_stream(call.stream, h2.errors.ErrorCodes.NO_ERROR)  # no more is wanted of the caller
        except h2.exceptions.ProtocolError:
            return  # the caller has gone
        self.flush()

    def begin(self, call: StreamCall) -> None:
        """Send the headers, once."""
        if not call.began:
            call.began = True
            try:
                self._h2.send_headers(call.stream, _HEADERS)
            except h2.exceptions.ProtocolError:
                raise ConnectionResetError from None

    async def send(self, call: StreamCall, data: bytes) -> None:
        """Send bytes of a stream, as fast as its window lets us."""
        view, at = memoryview(data), 0
        while at < len(view):
            await self._writable.wait()
            try:
                room = min(self._h2.local_flow_control_window(call.stream), self._h2.max_outbound_frame_size)
                if room <= 0:
                    self.flush()
                    call.sendable.clear()
                    await call.sendable.wait()
                    continue
                self._h2.send_data(call.stream, bytes(view[at : at + room]))
            except h2.exceptions.ProtocolError:
                raise ConnectionResetError from None
            at += room
        self.flush()

    def acknowledge(self, stream: int, size: int) -> None:
        """Give window back."""
        if size and self._transport is not None:
            try:
                self._h2.acknowledge_received_data(size, stream)
            except h2.exceptions.ProtocolError:
                return  # of a stream that has ended

    def flush(self) -> None:
        """Hand what h2 has to say to the transport."""
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _reset(self, stream: int) -> None:
        now = self._loop.time()
        self._resets.append(now)
        while self._resets[0] < now - RESETS_S:
            self._resets.popleft()
        if (task := self._tasks.get(stream)) is not None:
            task.cancel()
        if len(self._resets) > MAX_RESETS:
            self._h2.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            self.flush()
            if self._transport is not None:
                self._transport.abort()

    def drain(self) -> None:
        """Tell the peer to go elsewhere, and its calls to end; close when they have."""
        if self._draining or self._transport is None:
            return
        self._draining = True
        self.flush()
        # Not through h2, which would take and send nothing after it.
        self._transport.write(GoAwayFrame(last_stream_id=(1 << 31) - 1).serialize())
        for call in self._calls.values():
            call.draining.set()
        if not self._tasks:
            self._close()

    def abort(self) -> None:
        """End everything now."""
        if self._transport is not None:
            self._transport.abort()

    def _look_after(self) -> None:
        now = self._loop.time()
        idle_s = IDLE_S if self._called else self._head_s
        if now - self._heard > SILENCE_S or (not self._tasks and idle_s and now - self._busy >= idle_s):
            self._close()
            return
        if now - self._heard > PING_S / 2:
            self._h2.ping(b"flarego.")
            self.flush()
        self._timer = self._loop.call_later(PING_S, self._look_after)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


_HEADERS = [(":status", "200"), ("content-type", CONTENT_TYPE), ("grpc-accept-encoding", ENCODINGS)]


def _problem(fields: Mapping[str, str]) -> tuple[int, str] | None:
    """Return an HTTP status and a text for what is no gRPC call."""
    if fields.get(":method") != "POST":
        return 405, "gRPC calls are POST requests"
    kind = fields.get("content-type", "")
    if kind != CONTENT_TYPE and not kind.startswith((CONTENT_TYPE + "+", CONTENT_TYPE + ";")):
        return 415, "the content-type is not that of gRPC"
    return None
