"""What a gateway counts of its Redis, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from flarego.gateway.redis.store import RedisStore
from flarego.wire.prometheus import Counter, Family, Gauge


def families(store: RedisStore) -> Iterator[Family]:
    """Yield the metrics of a store as they are now."""
    for name, help, count in (
        ("flarego_redis_written_segments_total", "Segments written to Redis.", store.writer.segments),
        ("flarego_redis_written_bytes_total", "Compressed bytes written to Redis.", store.writer.bytes),
        ("flarego_redis_read_segments_total", "Segments of other gateways read from Redis.", store.reader.segments),
        ("flarego_redis_bad_segments_total", "Entries in Redis that were not ours.", store.reader.bad),
        ("flarego_redis_failures_total", "Commands that failed.", store.failures),
        ("flarego_redis_skipped_total", "Chunks too old to be written when Redis was back.", store.skipped),
    ):
        counter = Counter(name, help)
        counter.inc(by=count)
        yield counter
    for name, help, number in (
        ("flarego_redis_up", "Whether Redis does what it should.", float(not store.troubles)),
        ("flarego_redis_waiting_seconds", "How long what waits longest has waited.", store.writer.waiting),
    ):
        gauge = Gauge(name, help)
        gauge.set(number)
        yield gauge
