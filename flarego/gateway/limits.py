"""How much of everything there may be: each limit configured, each counted when it is reached, and said so."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields

from flarego.errors import FlareError
from flarego.gateway.channel import Channel
from flarego.model.chunk import Chunk, Message
from flarego.wire.prometheus import Registry

BURST_S = 2.0
"""What a namespace may send at once: so many seconds of its rate."""


_MAX_KNOWN = 1000
"""Limits that were reached, of which is told."""


class LimitReached(FlareError):
    """There is too much of something. HTTP: 429; gRPC: RESOURCE_EXHAUSTED."""

    usual_remedy = "try again later, or ask whoever runs this gateway to raise the limit"

    def __init__(self, message: str, retry_after_s: float = 1.0, *, limit: str = "", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s
        self.limit = limit


@dataclass(frozen=True)
class Limits:
    """What there may be. 0 stands for: without limit."""

    agents: int = 1000
    """Streams of agents in one namespace at a time: one a process."""
    processes: int = 2000
    """In one namespace, living or still kept."""
    bytes_per_s: int = 64 << 20
    """That come in, of one namespace."""
    series: int = 100_000
    """In one namespace, of all its processes."""
    subscribers: int = 10_000
    """In one namespace."""
    query_s: float = 10.0
    query_bytes: int = 32 << 20
    """Of the answer to one query."""
    request_bytes: int = 16 << 20
    """Of one request's body, or one message of a stream."""
    head_s: float = 5.0
    """From the first byte of a request to the end of its head."""
    handshake_s: float = 5.0
    """Of TLS."""
    connections: int = 0
    """Of one address. None by default: behind a proxy, all come from the same."""


@dataclass(frozen=True)
class Reached:
    """A limit that was reached."""

    limit: str
    namespace: str
    """Or address, where the limit is of one."""
    times: int
    last: float
    """Seconds since 1970."""


class Meter:
    """Counts what there is against the limits."""

    def __init__(
        self,
        limits: Limits | None = None,
        registry: Registry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        registry = registry or Registry()
        self._clock = clock
        self._used: dict[str, Counter[str]] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._reached: dict[tuple[str, str], Reached] = {}
        self._bounds = registry.gauge("flarego_limit", "What there may be; 0: without limit.", ["limit"])
        self._counts = registry.gauge("flarego_limit_used", "What there is of it.", ["limit", "namespace"])
        self._refusals = registry.counter(
            "flarego_limit_reached_total", "How often a limit was reached.", ["limit", "namespace"]
        )
        self.limits = limits or Limits()
        self.replace(self.limits)

    def replace(self, limits: Limits) -> None:
        """Go by other limits from now on; what is there already stays."""
        self.limits = limits
        self._buckets.clear()
        for name, bound in bounds(limits).items():
            self._bounds.set(bound, name)

    def take(self, namespace: str, n_bytes: int) -> None:
        """Count bytes that came in. Raises LimitReached when the namespace sends faster than it may."""
        rate = self.limits.bytes_per_s
        if not rate:
            return
        bucket = self._buckets.get(namespace)
        if bucket is None:
            bucket = self._buckets[namespace] = _Bucket(rate, rate * BURST_S, self._clock())
        if (wait_s := bucket.take(n_bytes, self._clock())) > 0:
            self.refuse("bytes_per_s", namespace, f"more than {rate:,} bytes a second", max(wait_s, 0.1))

    def allow(self, limit: str, key: str, count: int) -> None:
        """Note how many there are to be of what somebody else counts. Raises LimitReached when that is too many."""
        bound = getattr(self.limits, limit)
        if bound and count > bound:
            self.refuse(limit, key, f"more than {bound:,} {limit}")
        self.note(limit, key, count)

    def note(self, limit: str, key: str, count: int) -> None:
        """Note how many there are now."""
        if limit == "connections":
            return  # addresses are no labels: there are too many, and they are people's
        if count:
            self._counts.set(count, limit, key)
        else:
            self._counts.forget(limit, key)

    def enter(self, limit: str, key: str) -> None:
        """Count one more. Raises LimitReached; otherwise leave() must follow."""
        used = self._used.setdefault(limit, Counter())
        self.allow(limit, key, used[key] + 1)
        used[key] += 1

    def leave(self, limit: str, key: str) -> None:
        """Count one less."""
        used = self._used[limit]
        used[key] -= 1
        self.note(limit, key, used[key])
        if used[key] <= 0:
            del used[key]

    @contextmanager
    def holding(self, limit: str, key: str) -> Iterator[None]:
        """Count one more, as long as the context lasts. Raises LimitReached."""
        self.enter(limit, key)
        try:
            yield
        finally:
            self.leave(limit, key)

    def refuse(self, limit: str, key: str, what: str, retry_after_s: float = 1.0) -> None:
        """Count that a limit was reached, and raise LimitReached."""
        self.count(limit, key)
        of = f" from {key}" if limit == "connections" else f" in namespace {key}" if key else ""
        raise LimitReached(f"{what}{of}", retry_after_s, limit=limit)

    def count(self, limit: str, key: str = "") -> None:
        """Count that a limit was reached; it is told already to whom it concerns."""
        known = self._reached.get((limit, key))
        if known is None and len(self._reached) >= _MAX_KNOWN:
            del self._reached[next(iter(self._reached))]
        self._reached[limit, key] = Reached(limit, key, known.times + 1 if known else 1, time.time())
        self._refusals.inc(limit, "" if limit == "connections" else key)

    def reached(self) -> list[Reached]:
        """Return every limit that was reached since the start, for the status."""
        return list(self._reached.values())


class SeriesLimit:
    """Counts the series of all processes of a namespace. A gate and a tap of the hub."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._of: dict[Channel, int] = {}
        self._total: Counter[str] = Counter()

    def gate(self, channel: Channel, message: Message) -> None:
        """Let a chunk in that adds no more series than there may be. Raises LimitReached."""
        if isinstance(message, Chunk) and len(message.series) > (known := self._of.get(channel, 0)):
            total = self._total[channel.namespace] + len(message.series) - known
            self._meter.allow("series", channel.namespace, total)
            self._total[channel.namespace], self._of[channel] = total, len(message.series)

    def met(self, channel: Channel) -> None:
        """It has no series yet."""

    def took(self, channel: Channel, chunk: Chunk, data: bytes) -> None:
        """It passed the gate, here or at another gateway."""

    def trimmed(self, channel: Channel, generation: int) -> None:
        """Its series go on."""

    def dropped(self, channel: Channel) -> None:
        self._total[channel.namespace] -= self._of.pop(channel, 0)
        self._meter.note("series", channel.namespace, self._total[channel.namespace])


def bounds(limits: Limits) -> Mapping[str, float]:
    return {field.name: getattr(limits, field.name) for field in fields(limits)}


class _Bucket:
    """A token bucket that may be overdrawn once, so that what is larger than it passes too."""

    def __init__(self, rate: float, size: float, now: float) -> None:
        self._rate, self._size = rate, size
        self._tokens, self._at = size, now

    def take(self, amount: float, now: float) -> float:
        """Take it and return 0, or return how many seconds to wait."""
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens <= 0:
            return (1 - self._tokens) / self._rate
        self._tokens -= amount
        return 0.0
