"""Writes what is taken here: segments of up to half a second, each gateway its own processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from flarego.gateway.redis.connect import Client
from flarego.gateway.redis.health import FAILURES, Health
from flarego.gateway.redis.link import Draft, Link
from flarego.gateway.redis.script import APPEND, APPEND_SHA, N_KEYS, Appended, Keep, appended, arguments
from flarego.gateway.redis.segment import Segment, pack

HOLD_S = 0.3
"""How long something may wait for more to be written with it."""
TICK_S = 0.1
WRITING = "writing"
_AT_ONCE = 16
_BATCH = 64


class Writer:
    """Takes links that have something to write, and writes it, when Redis lets it."""

    def __init__(self, client: Callable[[], Client | None], health: Health, keep: Callable[[str], Keep]) -> None:
        self._client = client
        self._health = health
        self._keep = keep
        self._due: dict[Link, None] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.segments = self.bytes = 0

    @property
    def waiting(self) -> float:
        """For how long what waits longest has been waiting, in seconds."""
        return time.monotonic() - min((link.touched for link in self._due), default=time.monotonic())

    def add(self, link: Link) -> None:
        """There is something to write."""
        link.touch()
        self._due[link] = None

    def remove(self, link: Link) -> None:
        self._due.pop(link, None)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.flush(HOLD_S)

    async def flush(self, hold_s: float = 0.0) -> None:
        """Write what has waited that long."""
        limit = time.monotonic() - hold_s
        due = [link for link in self._due if link.touched <= limit]
        while due and (client := self._client()) is not None and self._health.ready(WRITING):
            batch, due = due[:_BATCH], due[_BATCH:]
            await self._write(client, batch)
            due += [link for link in batch if link in self._due and link.more]

    async def _write(self, client: Client, links: Sequence[Link]) -> None:
        drafts = [(link, draft) for link in links if (draft := link.draft()) is not None]
        for link in set(links) - {link for link, _ in drafts}:
            self._due.pop(link, None)
            link.touched = 0.0
        packed = await asyncio.to_thread(lambda: [pack(draft.messages) for _, draft in drafts])
        replies = await asyncio.gather(
            *(self._append(client, link, draft, *data) for (link, draft), data in zip(drafts, packed, strict=True))
        )
        failure = None
        for (link, draft), reply in zip(drafts, replies, strict=True):
            if isinstance(reply, Exception):
                failure = reply
                continue
            link.written(draft, reply)
            if not link.touched:
                self._due.pop(link, None)
        if failure is not None:
            self._health.failed(WRITING, failure)
        elif drafts:
            self._health.succeeded(WRITING)

    async def _append(
        self, client: Client, link: Link, draft: Draft, raw_size: int, data: bytes
    ) -> Appended | Exception:
        """Return what the script says, or why it could not be asked."""
        channel = link.channel
        segment = Segment(
            draft.first, draft.last, draft.number, draft.begins, raw_size, data, draft.info,
            channel.gone.why or "gone" if channel.gone else "", channel.goroutines,
        )  # fmt: skip
        given = arguments(link.keys, channel.epoch, channel.process, segment, self._keep(channel.namespace))
        async with self._slots:
            try:
                result = appended(await _run(client, given))
            except FAILURES as e:
                return e
        self.segments += 1
        self.bytes += len(data)
        return result


async def _run(client: Client, given: Sequence[Any]) -> Any:
    try:
        return await client.evalsha(APPEND_SHA, N_KEYS, *given)
    except NoScriptError:
        return await client.eval(APPEND, N_KEYS, *given)
