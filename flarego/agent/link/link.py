"""The thread that keeps one connection to a gateway and sends what the feeds have."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from flarego import __version__
from flarego.agent.feed import Feed
from flarego.agent.link.address import Address, Addresses
from flarego.agent.link.backoff import Backoff
from flarego.agent.link.credentials import Security, Token
from flarego.agent.link.retry import Retries
from flarego.agent.link.session import Closed, Ended, Event, Refused, Session, Welcomed
from flarego.agent.link.transport import ConnectFailed, Transport, connect
from flarego.wire.codec import encode
from flarego.wire.envelope import Encoding, Hello, encode_agent

UNSENT = 1 << 18
"""Bytes given to HTTP/2 that the socket has not taken."""
PING_S = 5.0
"""After such a silence we ask for a sign of life."""
SILENCE_S = 10.0
"""After such a one the gateway is gone."""
REPEAT_S = 60.0
"""The same problem is logged so often."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """How to speak with gateways."""

    addresses: Addresses
    security: Security | None
    """None: without TLS."""
    token: Token
    namespace: str
    agent: str


class Link(threading.Thread):
    """Sends what feeds have to one gateway, whichever can be reached. Feeds may come at any time."""

    def __init__(self, terms: Terms, name: str = "link") -> None:
        super().__init__(name=name, daemon=True)
        self.connected: Address | None = None
        self.active = 0
        """Processes that the gateway takes."""
        self.connections = self.sent_bytes = self.failures = 0
        self.problem = ""
        """Why there is no connection, or why the gateway takes not everything; "" when all is well."""
        self.feeds: dict[Feed, _Course] = {}
        self._terms = terms
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._leaving = self._abandoned = False
        self._backoff = Backoff()
        self._said: tuple[str, float] = ("", 0.0)

    def wake(self) -> None:
        """There is something to send."""
        os.eventfd_write(self._wake, 1)

    def add(self, feed: Feed) -> None:
        with self._lock:
            self.feeds[feed] = _Course()
        self.wake()

    def leave(self) -> None:
        """End, as soon as everything of the feeds is delivered; they must be over."""
        self._leaving = True
        self.wake()

    def abandon(self) -> None:
        """End at once."""
        self._abandoned = True
        self.wake()

    @property
    def _is_done(self) -> bool:
        return self._abandoned or (self._leaving and not self.feeds)

    def run(self) -> None:
        while not self._is_done:
            try:
                address = self._terms.addresses.next()
                transport = connect(address, self._terms.security)
            except (ConnectFailed, OSError) as e:
                self._missed(str(e))
                continue
            try:
                self._converse(address, transport)
            except OSError as e:
                self._lost(f"the connection to {address} is lost: {e.strerror or e}")
            except Exception as e:
                _log.exception("the link failed")
                self._lost(f"flarego failed: {type(e).__name__}: {e}; please report it")
            finally:
                self.connected, self.active = None, 0
                transport.close()

    def _missed(self, why: str) -> None:
        """Wait before the next attempt, once all addresses have been tried."""
        self.failures += 1
        self.problem = why
        self._tell(why)
        if self._terms.addresses.at_end:
            self._sleep(self._backoff.next())

    def _lost(self, why: str) -> None:
        self.problem = why
        self._tell(why)
        self._sleep(self._backoff.next())

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._is_done:
            self._poll([(self._wake, select.POLLIN)], left)

    def _tell(self, what: str, *, severe: bool = True) -> None:
        """Log it, unless that is what was said just now."""
        now, (said, at) = time.monotonic(), self._said
        if what != said or now - at > REPEAT_S:
            self._said = what, now
            _log.log(logging.WARNING if severe else logging.INFO, "%s", what)

    def _converse(self, address: Address, transport: Transport) -> None:
        """Speak until the connection is of no more use. Raises OSError."""
        scheme = "http" if self._terms.security is None else "https"
        session = Session(str(address.gateway), scheme, time.monotonic)
        conversation = _Conversation(self, session, transport)
        self.connections += 1
        self.connected = address
        self._tell(f"connected to {address}", severe=False)
        for course in self.feeds.values():
            course.open, course.due = False, 0.0
        while (closed := conversation.step()) is None:
            if self._is_done:
                session.close()
                transport.write(session.take())
                return
        if closed.moved:
            self._tell(f"{closed.why}: going elsewhere", severe=False)
            self._sleep(self._backoff.next())
        else:
            self._lost(closed.why)

    def _poll(self, interests: list[tuple[int, int]], seconds: float) -> dict[int, int]:
        poller = select.poll()
        for fd, interest in interests:
            poller.register(fd, interest)
        ready = dict(poller.poll(max(0.0, seconds) * 1000))
        if self._wake in ready:
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        return ready

    def hello(self, feed: Feed) -> bytes:
        assert feed.info is not None
        encodings = (Encoding.RAW, Encoding.ZSTD)
        terms = self._terms
        return encode_agent(Hello(encode(feed.info), terms.namespace, encodings, terms.agent, __version__))


class _Course:
    """How it goes with one feed."""

    def __init__(self) -> None:
        self.open = False
        self.due = 0.0
        """When to open its stream."""
        self.token = ""
        self.said = ""
        self.retries = Retries()


class _Conversation:
    """One connection's life, step by step."""

    def __init__(self, link: Link, session: Session, transport: Transport) -> None:
        self._link, self._session, self._transport = link, session, transport
        self._heard = time.monotonic()
        self._asked = False

    def step(self) -> Closed | None:
        """Open, send, wait, hear. Return why the connection is of no more use. Raises OSError."""
        self._open()
        self._send()
        link, transport = self._link, self._transport
        ready = link._poll([(transport.fileno(), transport.interest), (link._wake, select.POLLIN)], self._patience())
        if transport.fileno() not in ready:
            return self._silence()
        if ready[transport.fileno()] & select.POLLOUT:
            transport.write()
        while (data := transport.read()) is not None:
            self._heard, self._asked = time.monotonic(), False
            for event in self._session.receive(data):
                if isinstance(event, Closed):
                    return event
                self._hear(event)
        return None

    def _open(self) -> None:
        link, now = self._link, time.monotonic()
        with link._lock:
            due = [feed for feed, course in link.feeds.items() if not course.open and course.due <= now and feed.info]
        for feed in due[: max(self._session.room, 0)]:
            course = link.feeds[feed]
            course.open, course.token = True, link._terms.token.current()
            self._session.open(feed, link.hello(feed), course.token)

    def _send(self) -> None:
        while True:
            self._session.fill(UNSENT - self._transport.unsent)
            data = self._session.take()
            if not data:
                return
            self._link.sent_bytes += len(data)
            self._transport.write(data)
            if self._transport.unsent:
                return

    def _patience(self) -> float:
        """Return how long nothing needs to be done by ourselves."""
        now = time.monotonic()
        times = [self._heard + (SILENCE_S if self._asked else PING_S)]
        times += [course.due for course in self._link.feeds.values() if not course.open and course.due > now]
        if (resumes := self._session.resumes()) is not None:
            times.append(resumes)
        return max(0.0, min(times) - now)

    def _silence(self) -> Closed | None:
        quiet = time.monotonic() - self._heard
        if quiet > SILENCE_S:
            return Closed(f"nothing was heard of {self._link.connected} for {quiet:.0f} s")
        if quiet > PING_S and not self._asked:
            self._asked = True
            self._session.ping()
        return None

    def _hear(self, event: Event) -> None:
        link = self._link
        match event:
            case Welcomed():
                course = link.feeds[event.feed]
                course.retries.welcomed()
                course.said = ""
                event.feed.namespace = event.namespace
                link._backoff.reset()
                link.problem = ""
            case Refused():
                _log.warning("the gateway refused a message of %s: %s", event.feed.process, event.why)
            case Ended():
                self._ended(event)
        link.active = self._session.active

    def _ended(self, event: Ended) -> None:
        link, feed = self._link, event.feed
        if feed.delivered.is_set():
            with link._lock:
                del link.feeds[feed]
            return
        course = link.feeds[feed]
        changed = course.token != link._terms.token.current()
        verdict = course.retries.judge(event.status, event.retry_after_s, token_changed=changed)
        course.open, course.due = False, time.monotonic() + verdict.after_s
        if verdict.what and (text := f"{verdict.what}: {event.message}") != course.said:
            course.said = link.problem = text
            level = logging.ERROR if verdict.severe else logging.WARNING
            _log.log(level, "%s", text, extra={"target": feed.process})
