"""One process's stream on a connection: Hello, Welcome, Data and Ack, Bye."""

from __future__ import annotations

from flarego.agent.feed import Feed
from flarego.wire.envelope import Bye, Data, Encoding, Refusal, Welcome, encode_agent
from flarego.wire.grpc import CallFailed, Deframer, Status, decode_text, frame
from flarego.wire.packing import Unpacker

_HTTP = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}
"""As "HTTP to gRPC Status Code Mapping" of the gRPC project has it."""
MAX_SEQUENCE = 1 << 62
"""More messages than anybody sends."""
UNANSWERED = (Status.UNAVAILABLE, "the stream ended without a status")


class Stream:
    """What was said and is to be said of one feed."""

    def __init__(self, feed: Feed, hello: bytes, max_reply: int) -> None:
        self.feed = feed
        self.deframer = Deframer(max_reply)
        self.welcomed = False
        self.waits = 0.0
        """Until when the gateway asked us to wait; 0: it did not."""
        self.refused = ""
        """Why the gateway does not take the stream, in its words."""
        self.retry_after_s = 0.0
        self.finished = False
        """Whether the last that we have to say was said."""
        self._data = memoryview(frame(hello))
        self._cursor = 0
        """The Data.sequence sent last."""
        self._encoding: int = Encoding.RAW
        self._max_message = 0
        self._said_bye = False
        self._outcome: tuple[int, str] | None = None

    def pending(self, now: float) -> memoryview | None:
        """Return what is left of the message in progress, or the next one; None when there is nothing to say now."""
        if not self._data and self.welcomed and now >= self.waits:
            self.waits = 0.0
            self._data = memoryview(self._next())
        return self._data or None

    def wrote(self, size: int) -> None:
        """So much of what was pending has been said."""
        self._data = self._data[size:]
        self.finished = self._said_bye and not self._data

    def _next(self) -> bytes:
        spool = self.feed.spool
        while (entry := spool.after(self._cursor)) is not None:
            self._cursor = entry.sequence
            payload, encoding = entry.payload, entry.encoding
            if encoding == Encoding.ZSTD and self._encoding == Encoding.RAW:
                payload = Unpacker().unpack(payload, encoding, entry.raw_size, entry.raw_size)
                encoding = Encoding.RAW
            if self._max_message and max(entry.raw_size, len(payload)) > self._max_message:
                spool.refuse(entry.sequence)
                continue
            self.feed.note_sent(entry.sequence)
            return frame(encode_agent(Data(entry.sequence, payload, encoding, entry.raw_size)))
        if self.feed.over and not self._said_bye and not len(spool):
            self._said_bye = True
            return frame(encode_agent(Bye(self.feed.over)))
        return b""

    def welcome(self, welcome: Welcome) -> None:
        """The gateway takes what follows what it has. Raises CallFailed."""
        if welcome.last >= MAX_SEQUENCE:
            raise CallFailed(Status.INTERNAL, f"it has message {welcome.last}, it says")
        self._cursor = self.feed.spool.resume(welcome.last)
        self._encoding, self._max_message = welcome.encoding, welcome.max_message
        self.welcomed = True

    def acknowledge(self, sequence: int) -> None:
        self.feed.spool.acknowledge(min(sequence, self._cursor))

    def refuse(self, refusal: Refusal, now: float) -> str | None:
        """Hear that one message was not taken. Return why, when that is for good."""
        if refusal.retry_after_ms:
            self.waits = now + refusal.retry_after_ms / 1000
            self._cursor = min(self._cursor, refusal.sequence - 1)
            return None
        self.feed.spool.refuse(refusal.sequence)
        return f"{refusal.code}: {refusal.message}"

    def headers(self, fields: dict[str, str]) -> None:
        """Hear how the stream goes, or ended."""
        self._outcome = status_of(fields) or self._outcome

    def fail(self, status: int, message: str) -> None:
        self._outcome = status, message

    def outcome(self) -> tuple[int, str]:
        """Return the status it ended with."""
        status, message = self._outcome or UNANSWERED
        return status, self.refused or message


def status_of(fields: dict[str, str]) -> tuple[int, str] | None:
    """Return the gRPC status that headers tell of, None when they tell of none."""
    if (text := fields.get("grpc-status")) is not None:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else Status.UNKNOWN
        return number, decode_text(fields.get("grpc-message", ""))
    http = fields.get(":status", "200")
    if http == "200":
        return None
    code = int(http) if http.isdigit() else 0
    return _HTTP.get(code, Status.UNKNOWN), f"HTTP status {http}, where a gateway was expected"
