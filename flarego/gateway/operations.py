"""What whoever runs the gateway asks it: is it alive, is it ready, what does it count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from flarego import __version__
from flarego.gateway.guard import TRUST
from flarego.gateway.hub import Hub
from flarego.gateway.limits import SeriesLimit
from flarego.gateway.metrics import HubMetrics, LoopLag, ProcessMetrics
from flarego.gateway.policy import PRINCIPAL, PUBLIC, Rule, Scope, add_route
from flarego.wire.prometheus import CONTENT_TYPE

MAX_LAG_S = 1.0
"""Of the event loop: later than that, we are not ready for more."""


@dataclass
class Health:
    """What the gateway depends on. Each check returns what is wrong, "" for nothing."""

    needed: dict[str, Callable[[], str]] = field(default_factory=dict)
    """Without these it is not ready."""
    wanted: dict[str, Callable[[], str]] = field(default_factory=dict)
    """Without these it is, but degraded."""
    ready: Callable[[], bool] = lambda: True
    """Whether new work is welcome: not when it is about to end."""

    def tell(self) -> tuple[str, dict[str, str]]:
        """Return "ready", "degraded", "not ready" or "draining", and what is wrong with each part ("" for nothing)."""
        needed = {name: check() for name, check in self.needed.items()}
        wanted = {name: check() for name, check in self.wanted.items()}
        if not self.ready():
            status = "draining"
        elif any(needed.values()):
            status = "not ready"
        else:
            status = "degraded" if any(wanted.values()) else "ready"
        return status, needed | wanted


def operations(
    hub: Hub, health: Health | None = None, *, public_metrics: bool = False, process_metrics: bool = False
) -> Callable[[web.Application], None]:
    """Return the part that adds /readyz and /metrics, and what has to run behind them.

    process_metrics: tell of every process's scheduler, too.
    """
    health = health or Health()

    def add(app: web.Application) -> None:
        trust = app[TRUST]
        lag = LoopLag(trust.registry)
        health.needed["loop"] = lambda: f"{lag.last:.1f} s late" if lag.last > MAX_LAG_S else ""
        health.wanted["audit"] = lambda: getattr(trust.audit, "problem", "")
        health.wanted["keys"] = trust.keys_problem
        health.wanted["retention"] = lambda: "; ".join(hub.warnings)
        trust.registry.collect(HubMetrics(hub, trust.meter).families)
        series = SeriesLimit(trust.meter)
        hub.gates.append(series.gate)
        hub.taps.append(series)
        if process_metrics:
            processes = ProcessMetrics()
            hub.taps.append(processes)
            trust.registry.collect(processes.families)

        async def ready(request: web.Request) -> web.Response:
            status, checks = health.tell()
            answer: dict[str, object] = {"status": status}
            if request[PRINCIPAL].may(Scope.READ, None):
                answer |= {"checks": {name: problem or "ok" for name, problem in checks.items()}}
                answer["version"] = __version__
            return web.json_response(answer, status=200 if status in ("ready", "degraded") else 503)

        async def metrics(request: web.Request) -> web.Response:
            return web.Response(body=trust.registry.text().encode(), headers={"Content-Type": CONTENT_TYPE})

        add_route(app, "GET", "/readyz", ready, PUBLIC)
        seen = PUBLIC if public_metrics else Rule(Scope.READ, namespaced=False, audited=False)
        add_route(app, "GET", "/metrics", metrics, seen)
        app.cleanup_ctx.append(_running(trust.run, lag.run))

    return add


def _running(*loops: Callable[[], Awaitable[None]]) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what keeps loops running as long as the application does."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(loop()) for loop in loops]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return context
