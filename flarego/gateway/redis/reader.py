"""Reads what other gateways have written: of the processes that somebody here looks at, and of those that come here."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flarego.errors import FlareError
from flarego.gateway.hub import Hub
from flarego.gateway.redis.connect import Client
from flarego.gateway.redis.health import FAILURES, Health
from flarego.gateway.redis.link import NOTHING, Link
from flarego.gateway.redis.segment import BadSegment, unpack
from flarego.model.chunk import Chunk, Gone, ProcessInfo
from flarego.wire.codec import decode

READING = "reading"
MAX_ENTRY = 64 << 20
"""Bytes of a segment as it lies there."""
_BLOCK_MS = 1000  # smaller ones are no faster, and Redis is slow with tiny ones
_COUNT = 8
_ID = re.compile(rb"\d{1,20}-\d{1,20}")
_LOG = logging.getLogger(__name__)


class Reader:
    """Brings channels up to what their streams hold."""

    def __init__(self, hub: Hub, client: Callable[[], Client | None], health: Health) -> None:
        self._hub = hub
        self._client = client
        self._health = health
        self.segments = self.bad = 0

    async def catch_up(self, client: Client, link: Link, start: str = "") -> None:
        """Read what there is after what was read last (from the entry `start` on, if that is later)."""
        begin = "(" + link.entry if link.entry != NOTHING else "-"
        if start and _number(start) > _number(link.entry):
            begin = start
        while entries := await client.xrange(link.keys.stream, begin, "+", count=_COUNT):
            for entry in entries:
                self._apply(link, *entry)
                await asyncio.sleep(0)
            begin = "(" + link.entry

    async def tail(self, links: Iterable[Link]) -> None:
        """Wait up to a second for more of processes of one namespace, and read it."""
        client = self._client()
        by_stream = {link.keys.stream.encode(): link for link in links}
        if client is None or not by_stream:
            return
        places = {key: link.entry for key, link in by_stream.items()}
        try:
            reply = await client.xread(places, count=_COUNT, block=_BLOCK_MS)
        except FAILURES as e:
            self._health.failed(READING, e)
            return
        self._health.succeeded(READING)
        for stream, entries in _streams(reply):
            if (link := by_stream.get(stream)) is None:
                continue
            for entry in entries:
                self._apply(link, *entry)
                await asyncio.sleep(0)

    def _apply(self, link: Link, entry: bytes, fields: Mapping[bytes, bytes]) -> None:
        """Publish here what an entry holds; one that is not ours is stepped over."""
        if not _ID.fullmatch(entry) or _number(entry.decode()) <= _number(link.entry):
            return
        link.entry = entry.decode()
        link.channel.last_seen = max(link.channel.last_seen, _number(link.entry)[0] / 1000)
        try:
            data = (fields or {}).get(b"d", b"")
            raw_size = int((fields or {}).get(b"n", b"-1"))
            if len(data) > MAX_ENTRY:
                raise BadSegment("an entry that is too large")
            for number, message in unpack(raw_size, data):
                self._learn(link, number, message)
        except (FlareError, ValueError) as e:
            self.bad += 1
            _LOG.warning("an entry in Redis is left out: %s", e)
        else:
            self.segments += 1

    def _learn(self, link: Link, number: int, data: bytes) -> None:
        channel = link.channel
        message = decode(data)
        match message:
            case Chunk() | Gone() | ProcessInfo() if message.process != channel.process:
                raise BadSegment("a message of another process")
            case ProcessInfo() if message.epoch != channel.epoch:
                raise BadSegment("a process message of another epoch")
            case ProcessInfo() if data == channel.info_data:
                return
            case Chunk() | Gone() | ProcessInfo():
                self._hub.learn(channel, message, data, number)
                link.settle(number)


def _streams(reply: Any) -> Iterable[tuple[bytes, Any]]:
    """What XREAD answers: a list, or with RESP3 a map of lists of lists."""
    if isinstance(reply, dict):
        return [(stream, entries[0]) for stream, entries in reply.items() if entries]
    return reply or []


def _number(entry: str) -> tuple[int, int]:
    milliseconds, _, count = entry.partition("-")
    return int(milliseconds), int(count or 0)
