"""The agent: finds processes, watches them, and sends what it sees to a gateway, until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from flarego.agent import budget, identity
from flarego.agent.discovery import SCAN_S, Discovery, Selection
from flarego.agent.enter import attach_once, make_sampler, stays_itself
from flarego.agent.feed import Feed
from flarego.agent.find import Found
from flarego.agent.labels import Labels
from flarego.agent.link.address import Addresses, parse_gateway
from flarego.agent.link.credentials import Security, Token
from flarego.agent.link.link import Link, Terms
from flarego.agent.spool import Spool
from flarego.agent.store import Left, Store, state_of
from flarego.agent.watcher import Watched, Watcher
from flarego.config import AgentSettings, Settings
from flarego.errors import FlareError, NotAttachable, PermissionRefused, ProcessGone, UnsupportedGo
from flarego.model.chunk import Gone
from flarego.samplers.base import Origin
from flarego.wire.packing import Packer

STARTING_S = 3.0
"""A process so young may not have set itself up; it is tried again."""
STREAMS = 100
"""Processes on one connection; gateways, and proxies before them, take about as many."""
SAVE_S = 10.0
"""How often it is noted where we are, when there is a directory for it."""
STOP_S = 1.5
"""What is left at the end is sent for so long."""
STOPPED = "the agent was stopped"
_log = logging.getLogger(__name__)


class Agent:
    """Everything that runs. `start`, then `scan` about once a second, then `stop`."""

    def __init__(self, settings: AgentSettings) -> None:
        """Raises BadSettings for files that are not what they should be."""
        self.settings = settings
        self.selection = Selection(settings.pid, settings.name, settings.all)
        self.discovery = Discovery(self.selection)
        self.watcher = Watcher(self._over)
        self.links: list[Link] = []
        self.feeds: list[Feed] = []
        self.failed = 0
        """Processes that could not be watched."""
        self.refused = 0
        """Processes that are too many."""
        self.last_gone = ""
        self._labels = Labels(settings.label, settings.labels_file)
        self._terms = make_terms(settings)
        self._packer = Packer() if settings.compression == "zstd" else None
        self._store = Store(settings.spool) if settings.spool else None
        self._saved = 0.0
        self._how = Settings(rate=settings.rate, budget=settings.budget / 100, engine=settings.engine)

    def start(self) -> None:
        """Raises NoSuchProcess for a pid that there is not."""
        self.discovery.check()
        self.watcher.start()
        self._add_link()

    def scan(self) -> None:
        """Begin to watch what is new, and let go of what is done."""
        self._tidy()
        refused = 0
        for found in self.discovery.scan():
            if self.watcher.count >= self.settings.max_processes:
                refused += 1
                self._refuse(found)
            else:
                self._attach(found)
        self.refused = refused
        if self._store:
            self._send_rest(self._store)

    @property
    def is_done(self) -> bool:
        """Whether nothing is watched any more, nothing will be, and all of it was delivered."""
        return not self.selection.is_open and not self.watcher.count and not self.feeds

    @property
    def lost(self) -> int:
        return sum(feed.spool.lost.chunks for feed in self.feeds)

    def stop(self, patience_s: float = STOP_S) -> int:
        """Stop watching and send what is left. Return how many messages were not delivered."""
        deadline = time.monotonic() + patience_s
        self.watcher.leave(STOPPED)
        self.watcher.join(max(0.0, deadline - time.monotonic()))
        for link in self.links:
            link.leave()
        for link in self.links:
            link.join(max(0.0, deadline - time.monotonic()))
        left = sum(len(feed.spool) for feed in self.feeds)
        if self._store:
            self._save(self._store, clean=True)
        _log.info("stopped", extra={"undelivered": left})
        return left

    def _attach(self, found: Found) -> None:
        try:
            feed = self._watch(found)
        except (NotAttachable, UnsupportedGo, PermissionRefused) as e:
            if time.time() - found.started < STARTING_S:
                self.discovery.forget(found.pid)
                return
            self._fail(found, e.message)
        except (FlareError, OSError) as e:
            self._fail(found, str(e))
        else:
            self.feeds.append(feed)
            self._saved = 0.0
            _log.info(
                "watching process", extra={"pid": found.pid, "target": found.name, "command": found.command[:200]}
            )

    def _watch(self, found: Found) -> Feed:
        process, name = attach_once(found), identity.process_id(found)
        left = self._store.take(name) if self._store else None
        sampler = make_sampler(
            found,
            self._how,
            process,
            process_id=name,
            labels=self._labels.of(found),
            origin=left.origin if left else None,
        )
        try:
            feed = self._feed(name, sampler.origin, left)
            with stays_itself(found):
                sampler.start()
            watched = Watched(found, sampler, feed)
        except BaseException:
            sampler.stop()
            raise
        self.watcher.add(watched)
        return feed

    def _feed(self, process: str, origin: Origin, left: Left | None) -> Feed:
        """Return the feed of a process, on one of our links."""
        memory = self.settings.spool_memory
        if left is not None:
            spool = Spool(memory, left.shelf, sequence=left.sequence, acknowledged=left.acknowledged,
                          generation=left.origin.generation)  # fmt: skip
        else:
            spool = Spool(memory, self._store.shelf(process) if self._store else None)
        link = next((link for link in self.links if len(link.feeds) < STREAMS), None) or self._add_link()
        feed = Feed(spool, link.wake, self._packer, origin)
        feed.info = left.info if left else None
        link.add(feed)
        return feed

    def _send_rest(self, store: Store) -> None:
        """Send what an agent before us left of processes that nobody watches any more."""
        for left in store.rest():
            if left.clean and not len(left.shelf):
                store.remove(left.info.process)
                continue
            feed = self._feed(left.info.process, left.origin, left)
            feed.publish(left.info)
            why = f"process {left.info.pid} ({left.info.name}) is no longer watched"
            feed.publish(Gone(left.info.process, left.end, why))
            feed.is_gone = True
            self.feeds.append(feed)

    def _save(self, store: Store, *, clean: bool) -> None:
        """Note where we are with each process, for an agent after us."""
        for feed in self.feeds:
            if feed.info is None or feed.reached is None or (feed.is_gone and feed.delivered.is_set()):
                continue
            if clean:
                feed.spool.save()
            store.save(feed.process, state_of(feed.info, feed.reached, feed.spool, end=feed.last_end, clean=clean))

    def _fail(self, found: Found, why: str) -> None:
        self.failed += 1
        _log.warning("process cannot be watched", extra={"pid": found.pid, "target": found.name, "reason": why})
        if found.pid in self.selection.pids and not self.selection.is_open:
            self.last_gone = why

    def _refuse(self, found: Found) -> None:
        self.discovery.forget(found.pid)  # until there is room
        if not self.refused:
            _log.warning("more processes than --max-processes; the rest is left out", extra={"pid": found.pid})

    def _over(self, watched: Watched, why: str) -> None:
        self.last_gone = why
        watched.feed.is_gone = True
        self.discovery.forget(watched.found.pid)
        _log.info("process is over", extra={"pid": watched.found.pid, "target": watched.found.name, "reason": why})

    def _tidy(self) -> None:
        for feed in self.feeds:
            if self._store and feed.delivered.is_set():
                self._store.remove(feed.process)
        self.feeds = [feed for feed in self.feeds if not feed.delivered.is_set()]
        spools = [feed.spool for feed in self.feeds]
        budget.trim(spools, self.settings.spool_memory_total, self.settings.spool_bytes)
        if self._store and time.monotonic() - self._saved > SAVE_S:
            self._saved = time.monotonic()
            self._save(self._store, clean=False)

    def _add_link(self) -> Link:
        link = Link(self._terms, f"link-{len(self.links) + 1}")
        self.links.append(link)
        link.start()
        return link


class Runner:
    """Scans until told to stop, by signal or because there is nothing left to watch."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._stop = threading.Event()
        self._done = threading.Event()
        self._finder = threading.Thread(target=self._find, name="find", daemon=True)

    def stop(self) -> None:
        self._stop.set()
        self._done.set()

    def start(self) -> None:
        self._finder.start()

    def run(self, every_s: float, idle: Callable[[], None]) -> None:
        """Return when it is time to go. `idle` is called now and then. Raises ProcessGone when nothing is left."""
        while not self._done.wait(every_s):
            idle()
        if not self._stop.is_set():
            raise ProcessGone(self._agent.last_gone or "no process is left to watch")

    def _find(self) -> None:
        while not self._stop.wait(SCAN_S if self._agent.feeds or self._agent.watcher.count else 0.2):
            try:
                self._agent.scan()
            except Exception:
                _log.exception("the search for processes failed")
            if self._agent.is_done:
                self._done.set()
                return


def make_terms(settings: AgentSettings) -> Terms:
    """Return how to speak with gateways: secured, unless all are on this machine. Raises BadSettings."""
    gateways = [parse_gateway(text) for text in settings.gateway]
    here = all(gateway.is_loopback for gateway in gateways)
    wants_tls = settings.tls or settings.ca or settings.cert or settings.server_name or not here
    security = None
    if wants_tls and not settings.plaintext:
        security = Security(
            ca=settings.ca, certificate=settings.cert, key=settings.key, server_name=settings.server_name
        )
    return Terms(
        Addresses(gateways), security, Token(settings.token_file), settings.namespace or "", identity.agent_id()
    )
