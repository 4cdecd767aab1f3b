"""One connection to a gateway as HTTP/2 and gRPC see it: bytes in, events out, bytes to send. No socket, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from h2.connection import ConnectionState
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple

from flarego import __version__
from flarego.agent.feed import Feed
from flarego.agent.link.stream import Stream
from flarego.wire.envelope import INGEST, Refusal, Welcome, decode_gateway
from flarego.wire.grpc import CONTENT_TYPE, CallFailed, Status
from flarego.wire.protobuf import Malformed

MAX_REPLY = 1 << 20
"""Bytes of one message from the gateway; none of ours is even a thousandth of it."""
WINDOW = 1 << 20
MAX_HEADERS = 16 << 10
CLOSES = "the gateway closes the connection"
_CONFIG = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The gateway takes what is told of a process."""

    feed: Feed
    namespace: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway did not take one message; it is forgotten."""

    feed: Feed
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A process's stream is over; whether it should be opened again says the status."""

    feed: Feed
    status: int
    message: str
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more can be done with this connection; `moved`: the gateway asked us to go elsewhere."""

    why: str
    moved: bool = False


Event = Welcomed | Refused | Ended | Closed


class Session:
    """Speaks for us on a fresh connection."""

    def __init__(self, authority: str, scheme: str, clock: Callable[[], float]) -> None:
        self._authority, self._scheme, self._clock = authority, scheme, clock
        self._h2 = h2.connection.H2Connection(_CONFIG)
        self._streams: dict[int, Stream] = {}
        self._turn: deque[int] = deque()
        self._h2.local_settings.update({
            h2.settings.SettingCodes.ENABLE_PUSH: 0,
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
            h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
        })  # fmt: skip
        self._h2.initiate_connection()

    @property
    def room(self) -> int:
        """How many more streams the gateway lets us open now."""
        return self._h2.remote_settings.max_concurrent_streams - len(self._streams)

    @property
    def active(self) -> int:
        """How many processes the gateway has welcomed."""
        return sum(stream.welcomed for stream in self._streams.values())

    def open(self, feed: Feed, hello: bytes, token: str) -> None:
        """Begin to tell of a process."""
        headers = [
            HeaderTuple(":method", "POST"),
            HeaderTuple(":scheme", self._scheme),
            HeaderTuple(":authority", self._authority),
            HeaderTuple(":path", INGEST),
            HeaderTuple("te", "trailers"),
            HeaderTuple("content-type", CONTENT_TYPE),
            HeaderTuple("user-agent", f"flarego-agent/{__version__}"),
        ]
        if token:
            headers.append(NeverIndexedHeaderTuple("authorization", f"Bearer {token}"))
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, headers)
        self._streams[number] = Stream(feed, hello, MAX_REPLY)
        self._turn.append(number)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._h2.ping(b"flarego.")

    def close(self) -> None:
        """Say that we go."""
        self._h2.close_connection()

    def take(self) -> bytes:
        """Return what is to be sent now."""
        return self._h2.data_to_send()

    def fill(self, room: int) -> None:
        """Make of what the feeds have at most about so many bytes to send, a message of each feed in turn."""
        idle = 0
        while room > 0 and idle < len(self._turn):
            number = self._turn[0]
            self._turn.rotate(-1)
            wrote = self._write(number, self._streams[number], room)
            room -= wrote
            idle = 0 if wrote else idle + 1

    def _write(self, number: int, stream: Stream, room: int) -> int:
        """Write the rest of a message, or the next one, as far as windows allow. Return how many bytes."""
        data = stream.pending(self._clock())
        window = min(self._h2.local_flow_control_window(number), room)
        if data is None or window <= 0:
            return 0
        size, step = min(len(data), window), self._h2.max_outbound_frame_size
        for at in range(0, size, step):
            self._h2.send_data(number, bytes(data[at : min(at + step, size)]))
        stream.wrote(size)
        if stream.finished:
            self._h2.end_stream(number)
        return size

    def resumes(self) -> float | None:
        """Return when a feed that was asked to wait may go on, None when there is none."""
        return min((stream.waits for stream in self._streams.values() if stream.waits > 0), default=None)

    def receive(self, data: bytes) -> Iterator[Event]:
        """Yield what those bytes mean."""
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError as e:
            if self._h2.state_machine.state is ConnectionState.CLOSED:  # it said GOAWAY, and then something more
                yield Closed(CLOSES, moved=True)
            else:
                yield Closed(f"this is no HTTP/2 we can follow: {e}")
            return
        for event in events:
            yield from self._handle(event)

    def _handle(self, event: h2.events.Event) -> Iterator[Event]:
        match event:
            case h2.events.ConnectionTerminated():
                yield Closed(CLOSES, moved=True)
            case h2.events.DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if (stream := self._streams.get(event.stream_id)) is not None:
                    yield from self._heard(event.stream_id, stream, event.data)
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                if (stream := self._streams.get(event.stream_id)) is not None:
                    stream.headers(_fields(event.headers or ()))
            case h2.events.StreamEnded() | h2.events.StreamReset():
                yield from self._ended(event.stream_id)

    def _heard(self, number: int, stream: Stream, data: bytes) -> Iterator[Event]:
        try:
            for message in stream.deframer.feed(data):
                match decode_gateway(message):
                    case Welcome() as welcome:
                        stream.welcome(welcome)
                        yield Welcomed(stream.feed, welcome.namespace)
                    case Refusal() as refusal if not refusal.sequence:
                        if refusal.code == "moved":
                            yield Closed(refusal.message, moved=True)
                        else:
                            stream.refused, stream.retry_after_s = refusal.message, refusal.retry_after_ms / 1000
                    case Refusal() as refusal:
                        if (why := stream.refuse(refusal, self._clock())) is not None:
                            yield Refused(stream.feed, why)
                    case None:
                        continue
                    case ack:
                        stream.acknowledge(ack.sequence)
        except (CallFailed, Malformed) as e:
            stream.fail(Status.INTERNAL, f"the gateway's answer makes no sense: {e}")
            yield from self._ended(number)

    def _ended(self, number: int) -> Iterator[Event]:
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        self._turn.remove(number)
        status, message = stream.outcome()
        if status == Status.OK and stream.finished:
            stream.feed.delivered.set()
        with suppress(h2.exceptions.ProtocolError):  # it is closed both ways already
            self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        yield Ended(stream.feed, status, message, stream.retry_after_s)


def _fields(headers: Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers}
