"""Runs one exporter beside the hub: takes windows from what is kept, and offers them until they are delivered.

Nothing is copied while it waits: a window refers to what the retention holds anyway. Behind by more than QUEUE windows,
it loses the oldest, which is counted.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from flarego.config.exporter import ExporterSettings
from flarego.formats.exporter import Exporter, ExportFailed, Window
from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.query.fold import take
from flarego.wire.prometheus import Registry

QUEUE = 256
"""Windows that wait; a gateway with more processes has as many times two."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LAST_S = 5.0
"""What is left of the windows when the gateway ends may take so long."""
_log = logging.getLogger(__name__)


class Runner:
    """Exports the processes that an exporter wants, every so many seconds, while `run` runs."""

    def __init__(
        self,
        hub: Hub,
        exporter: Exporter,
        settings: ExporterSettings,
        registry: Registry,
        pyramid: Pyramid | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub, self._exporter, self._settings, self._pyramid, self._clock = hub, exporter, settings, pyramid, clock
        self._thread = ThreadPoolExecutor(1, f"export-{settings.called}")
        self._queue: deque[Window] = deque()
        self._ready = asyncio.Event()
        self._told: dict[Channel, int] = {}
        """How far each process has been exported, ns since its epoch."""
        self._failing = False
        self._windows = registry.counter(
            "flarego_exporter_windows_total", "Windows of exporters, by what became of them.", ["exporter", "outcome"]
        )
        self._waiting = registry.gauge("flarego_exporter_queue", "Windows that wait.", ["exporter"])
        self._ok = registry.gauge("flarego_exporter_ok", "Whether the last window was delivered.", ["exporter"])
        self._ok.set(1, settings.called)

    async def run(self) -> None:
        """Export until cancelled, then what is left, as far as that is quick."""
        delivering = asyncio.ensure_future(self._deliver())
        try:
            while True:
                await asyncio.sleep(self._settings.interval)
                self.collect()
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            self.collect()
            await self._deliver_last()

    def collect(self) -> None:
        """Queue a window of each process of which there is something new."""
        for channel in self._hub.channels():
            if channel not in self._told or self._told[channel] < _end(channel):
                self._queue.extend(self._windows_of(channel))
        self._told = {channel: end for channel, end in self._told.items() if channel in set(self._hub.channels())}
        most = max(QUEUE, 2 * len(self._told))
        while len(self._queue) > most:
            self._queue.popleft()
            self._count("dropped")
        self._waiting.set(len(self._queue), self._settings.called)
        if self._queue:
            self._ready.set()

    def _windows_of(self, channel: Channel) -> Iterator[Window]:
        info, end = channel.info, _end(channel)
        if info is None or not self._settings.wants(channel.namespace, channel.process, info.name):
            return
        start = self._told.get(channel, max(end - int(self._settings.interval * 1e9), 0))
        self._told[channel] = end
        track = self._pyramid.track(channel) if self._pyramid is not None else None
        span = take(channel, info, track, start, end)
        if span.n_chunks:
            yield Window(info, span.start, span.end, _held(channel, start), lambda: span.fold(_go_on))

    async def _deliver(self) -> None:
        while True:
            await self._ready.wait()
            while self._queue:
                window = self._queue.popleft()
                self._waiting.set(len(self._queue), self._settings.called)
                try:
                    await self._offer(window)
                except asyncio.CancelledError:
                    self._queue.appendleft(window)
                    raise
            self._ready.clear()

    async def _offer(self, window: Window) -> None:
        """Offer a window until it is delivered, or its exporter says that there is no point."""
        wait_s = FIRST_WAIT_S
        while (failed := await self._export(window)) is not None and failed.again:
            self._count("retried")
            pause = max(failed.retry_after_s, wait_s * random.uniform(0.5, 1.0))
            await asyncio.sleep(pause)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._count("failed" if failed is not None else "delivered")

    async def _export(self, window: Window) -> ExportFailed | None:
        """Return how it failed; None when it was delivered."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.export, window)
        except ExportFailed as e:
            failed = e
        except Exception as e:
            _log.debug("exporter %s", self._settings.called, exc_info=True)
            failed = ExportFailed(f"{type(e).__name__}: {e}", again=False)
        else:
            self._say(None)
            return None
        self._say(failed)
        return failed

    def _say(self, failed: ExportFailed | None) -> None:
        """Log when it begins to fail, and when it works again."""
        self._ok.set(failed is None, self._settings.called)
        if failed is not None and not self._failing:
            _log.warning("exporter %s fails: %s", self._settings.called, failed.message)
        elif failed is None and self._failing:
            _log.warning("exporter %s works again", self._settings.called)
        self._failing = failed is not None

    async def _deliver_last(self) -> None:
        until = self._clock() + LAST_S
        while self._queue and self._clock() < until:
            failed = await self._export(self._queue.popleft())
            self._count("failed" if failed is not None else "delivered")
            if failed is not None:
                break
        for _ in self._queue:
            self._count("dropped")
        self._queue.clear()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.close)
        self._thread.shutdown(wait=False)

    def _count(self, outcome: str) -> None:
        self._windows.inc(self._settings.called, outcome)


def _end(channel: Channel) -> int:
    """Return where the newest chunk ends, ns since the epoch; -1 when there is none."""
    log = channel.log
    return log[log.end - 1].end if log.end > log.begin else -1


def _held(channel: Channel, start: int) -> list[bytes]:
    """Return the chunks after `start`, and those of their generation before it."""
    log = channel.log
    first = log.end - 1
    while first > log.begin and log[first - 1].end > start:
        first -= 1
    while first > log.begin and log[first - 1].generation == log[first].generation:
        first -= 1
    return [log[index].data for index in range(first, log.end)]


def _go_on() -> None:
    """Nobody asks it to stop."""
