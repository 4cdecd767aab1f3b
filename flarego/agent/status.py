"""How the agent is: for probes, for Prometheus, for systemd."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flarego.overhead import new_registry
from flarego.wire.prometheus import CONTENT_TYPE, Counter, Family, Gauge

if TYPE_CHECKING:
    from flarego.agent.feed import Feed
    from flarego.agent.health import Answer
    from flarego.agent.service import Agent

STUCK_S = 10.0
"""A thread that has not come round for so long is not coming any more."""
_PROCESS = ("process", "name")


class Status:
    """Looks at an agent from any thread."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._registry = new_registry()
        self._registry.collect(self._families)

    def trouble(self) -> str:
        """Return what is broken beyond repair by itself; "" when nothing is."""
        stuck = time.monotonic() - self._agent.watcher.at
        if not self._agent.watcher.is_alive():
            return "the watching thread has ended"
        return f"the watching thread has been busy for {stuck:.0f} s" if stuck > STUCK_S else ""

    def unready(self) -> str:
        """Return why nothing gets to the gateway now; "" when it does."""
        if trouble := self.trouble():
            return trouble
        links = self._agent.links
        if not any(link.connected for link in links):
            return next((link.problem for link in links if link.problem), "") or "no connection to a gateway yet"
        waiting = [feed for feed in self._agent.feeds if not feed.namespace]
        if waiting and len(waiting) == len(self._agent.feeds):
            return next((link.problem for link in links if link.problem), "") or "the gateway has taken nothing yet"
        return ""

    def line(self) -> str:
        """Return how it is, in one line."""
        watched, unready = len(self._agent.watcher.watched), self.unready()
        return f"watching {watched} processes; {unready or 'connected to ' + ', '.join(self._gateways())}"

    def healthz(self) -> Answer:
        trouble = self.trouble()
        return (503, "text/plain", f"{trouble}\n") if trouble else (200, "text/plain", "ok\n")

    def readyz(self) -> Answer:
        unready = self.unready()
        return (503, "text/plain", f"{unready}\n") if unready else (200, "text/plain", f"{self.line()}\n")

    def metrics(self) -> Answer:
        return 200, CONTENT_TYPE, self._registry.text()

    def _gateways(self) -> list[str]:
        return sorted({str(link.connected) for link in self._agent.links if link.connected})

    def _families(self) -> Iterator[Family]:
        agent = self._agent
        links, feeds = agent.links, agent.feeds
        for name, help, number in (
            ("processes", "Processes that are watched.", len(agent.watcher.watched)),
            ("processes_unreadable", "Processes this user may not read.", agent.discovery.unreadable),
            ("processes_refused", "Processes beyond --max-processes.", agent.refused),
            ("links_connected", "Connections to gateways.", sum(link.connected is not None for link in links)),
            ("streams_active", "Processes that the gateway takes now.", sum(link.active for link in links)),
            ("spool_bytes", "Bytes in memory that wait to be acknowledged.", sum(feed.spool.size for feed in feeds)),
            (
                "spool_disk_bytes",
                "Bytes on disk that wait to be acknowledged.",
                sum(feed.spool.stored for feed in feeds),
            ),
            ("drain_late_seconds", "How late the last look at processes was.", agent.watcher.late_s),
        ):
            yield _gauge(f"flarego_agent_{name}", help, number)
        for name, help, number in (
            ("processes_failed", "Processes that could not be watched.", agent.failed),
            ("connections", "Connections that were made.", sum(link.connections for link in links)),
            ("connect_failures", "Connections that could not be made.", sum(link.failures for link in links)),
            ("sent_bytes", "Bytes sent to gateways.", sum(link.sent_bytes for link in links)),
        ):
            counter = Counter(f"flarego_agent_{name}_total", help)
            counter.inc(by=number)
            yield counter
        yield from self._of_feeds(feeds)

    def _of_feeds(self, feeds: list[Feed]) -> Iterator[Family]:
        engines = Gauge("flarego_agent_engine_info", "How running tasks are sampled.", [*_PROCESS, "engine"])
        for feed in feeds:
            if feed.info is not None:
                engines.set(1, feed.process, feed.info.name, feed.info.engine)
        yield engines
        now = time.time()
        for kind, name, help, number in (
            (Counter, "chunks_total", "Chunks taken of the process.", lambda f: f.taken),
            (Counter, "chunk_bytes_total", "Their bytes, unpacked.", lambda f: f.taken_bytes),
            (Counter, "resent_total", "Messages sent again after a connection was lost.", lambda f: f.resent),
            (Counter, "lost_chunks_total", "Chunks that no spool had room for.", lambda f: f.spool.lost.chunks),
            (Counter, "lost_generations_total", "Generations those are of.", lambda f: f.spool.lost.generations),
            (Gauge, "acknowledged", "Number of the message up to which all are safe.", lambda f: f.spool.acknowledged),
            (Gauge, "sequence", "Number of the message that was taken last.", lambda f: f.spool.sequence),
            (Gauge, "process_spool_bytes", "Bytes that wait to be acknowledged.", lambda f: f.spool.size),
            (Gauge, "lag_seconds", "Age of the oldest message that waits.", lambda f: now - (f.spool.oldest or now)),
            (Gauge, "overhead_cores", "CPU that watching costs, in cores.", lambda f: f.sampler.get("cpu", 0.0)),
            (Gauge, "scan_hertz", "Scans of all tasks in a second.", lambda f: f.sampler.get("scan_hz", 0.0)),
            (Gauge, "oncpu_hertz", "Samples of running tasks in a second.", lambda f: f.sampler.get("oncpu_hz", 0.0)),
            (Gauge, "tasks", "Tasks (goroutines) of the process.", lambda f: f.sampler.get("goroutines", 0)),
        ):  # fmt: skip
            family = kind(f"flarego_agent_{name}", help, _PROCESS)
            for feed in feeds:
                if feed.info is not None:
                    family.inc(feed.process, feed.info.name, by=number(feed))
            yield family


def _gauge(name: str, help: str, number: float) -> Gauge:
    gauge = Gauge(name, help)
    gauge.set(number)
    return gauge
