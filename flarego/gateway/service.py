"""The gateway as a program: all parts on one port, until a signal ends it. The only place that knows all of them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from flarego.config import GatewaySettings
from flarego.config.load import Loaded
from flarego.errors import FlareError, ListenFailed
from flarego.gateway.api import add_query
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access, is_loopback
from flarego.gateway.auth.chain import authenticator_for
from flarego.gateway.clips import FLEET
from flarego.gateway.exporters import new_exporter
from flarego.gateway.exporters.runner import Runner
from flarego.gateway.hub import Hub
from flarego.gateway.interop import Intake, add_interop, interop_rpcs
from flarego.gateway.listen import HERE, bind, failure, parse_listen, written
from flarego.gateway.login import add_login
from flarego.gateway.mux import Mux, http_protocols
from flarego.gateway.operations import Health, operations
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.retention import RETENTION_BYTES, Bounds
from flarego.gateway.rpc.connection import GrpcConnection
from flarego.gateway.rpc.health import health
from flarego.gateway.rpc.ingest import Ingest
from flarego.gateway.rpc.reflection import reflection
from flarego.gateway.rpc.server import Services
from flarego.gateway.rpc.watch import Processes, Watch
from flarego.gateway.rpc.web import add_grpc_web
from flarego.gateway.tls import Certificate, save_memory
from flarego.gateway.trust import Trust
from flarego.wire.prometheus import Registry

if TYPE_CHECKING:
    from flarego.gateway.redis.store import RedisStore

SWEEP_S = 5.0
KEEPALIVE_S = 15.0
_SHUTDOWN_S = 2.0
_BACKLOG = 1024
_log = logging.getLogger(__name__)


def serve(loaded: Loaded[GatewaySettings], say: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or SIGINT. `say` prints for the person at the terminal. Raises FlareErrors."""
    asyncio.run(_serve(loaded, say))


async def _serve(loaded: Loaded[GatewaySettings], say: Callable[[str], None]) -> None:
    service = Service(loaded)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    await service.start()
    try:
        for line in service.greeting():
            say(line)
        await stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, service.hurry)
    finally:
        await service.stop()


class Service:
    """One gateway. start() and stop() on the loop that serves."""

    def __init__(self, loaded: Loaded[GatewaySettings]) -> None:
        self._loaded = loaded
        settings = self.settings
        self.host, self.port = parse_listen(settings.listen)
        _check_exposure(settings, self.host)
        self.trust = Trust.of(settings, self.host)
        self.certificate = _certificate(settings)
        self.hub = Hub(
            Bounds(
                seconds=settings.retention,
                process=min(RETENTION_BYTES, settings.retention_namespace_bytes),
                namespace=settings.retention_namespace_bytes,
                total=settings.retention_bytes,
            )
        )
        self.pyramid = Pyramid.beside(self.hub)
        self.store = _store(settings, self.hub, self.trust.registry)
        _share_sessions(self.trust, self.store)
        self.intake = Intake(self.hub, self.trust.meter, self.trust.registry)
        self.draining = False
        self._hurry = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._reloaded = self.trust.registry.gauge(
            "flarego_config_last_reload_successful", "Whether the last reload took what it found: 1, or kept what was."
        )
        self._reloaded.set(1)

    @property
    def settings(self) -> GatewaySettings:
        return self._loaded.settings

    def ready(self) -> bool:
        """Whether new connections are welcome."""
        return not self.draining

    async def start(self) -> None:
        """Listen. Raises ListenFailed."""
        meter, registry = self.trust.meter, self.trust.registry
        services = Services(
            self.trust, [Ingest(self.hub, meter, registry), Watch(self.hub, meter), Processes(self.hub)]
        )
        services.add(interop_rpcs(self.intake))
        services.add(health(self.ready, ["flarego.v1.Ingest", "flarego.v1.Watch"]))
        services.add(reflection(lambda: services.paths))
        app = make_app(self.hub, self.trust, parts=self._parts(services))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=KEEPALIVE_S)
        await self._runner.setup()
        assert self._runner.server is not None
        self._mux = Mux(
            http_protocols(self._runner.server, meter),
            lambda peer: GrpcConnection(services, peer, meter.limits.request_bytes, meter.limits.head_s),
            meter,
        )
        exporters = [(new_exporter(one), one) for one in self.settings.exporters]
        if self.store is not None:
            await self.store.start()
            self._closing.append(self.store.close)
        await self._listen()
        self._tasks.append(asyncio.ensure_future(self._sweep()))
        for exporter, about in exporters:
            running = Runner(self.hub, exporter, about, registry, self.pyramid).run()
            self._tasks.append(asyncio.ensure_future(running))
        if self.certificate is not None:
            self._tasks.append(asyncio.ensure_future(self.certificate.watch()))

    def _parts(self, services: Services) -> Sequence[Callable[[web.Application], None]]:
        settings = self.settings
        return [
            _mark_fleet,
            add_login,
            operations(
                self.hub,
                Health(ready=self.ready),
                public_metrics=settings.public_metrics,
                process_metrics=settings.process_metrics,
            ),
            partial(add_interop, intake=self.intake),
            partial(add_query, hub=self.hub, pyramid=self.pyramid, meter=self.trust.meter),
            partial(add_grpc_web, services=services, limit=self.trust.meter.limits.request_bytes),
        ]

    async def _listen(self) -> None:
        loop, limits = asyncio.get_running_loop(), self.trust.meter.limits
        options: dict[str, object] = {}
        if self.certificate is not None:
            save_memory()
            options = {"ssl": self.certificate.context, "ssl_handshake_timeout": limits.handshake_s or None}
        self._servers: list[asyncio.Server] = []
        sockets = await bind(self.host, self.port)
        try:
            for bound in sockets:
                server = await loop.create_server(self._mux, sock=bound, backlog=_BACKLOG, **options)  # type: ignore[call-overload]
                self._servers.append(server)
        except OSError as e:
            await self.stop()
            raise failure(self.host, self.port, e) from None
        self.port = sockets[0].getsockname()[1]

    def greeting(self) -> Sequence[str]:
        """Return what a person at the terminal is told."""
        scheme = "http" if self.certificate is None else "https"
        url = f"{scheme}://{written(HERE.get(self.host, self.host), self.port)}/"
        entrance = self.trust.authenticator
        lines = [f"gateway listening on {written(self.host, self.port)}"]
        if isinstance(entrance, Access):
            lines.append(f"dashboard: {url}?token={entrance.token}")
            lines.append(f"agents: flarego agent --gateway {written(HERE.get(self.host, self.host), self.port)}, with"
                         " that token in a --token-file")  # fmt: skip
        else:
            lines.append(f"dashboard: {url}")
        if not is_loopback(self.host) and (self.certificate is None or not self.settings.authenticates):
            lines.append("warning: --insecure: others on the network may read, or send, what they like")
        return lines

    def reload(self) -> None:
        """Go by what is set now; where that makes no sense, go on by what was."""
        try:
            loaded = self._loaded.reload()
            changed, fixed = self._loaded.differs(loaded)
            _check_exposure(loaded.settings, self.host)
            self.trust.replace(loaded.settings, self.host)
            if self.certificate is not None:
                self.certificate.reload()
        except FlareError as e:
            self._reloaded.set(0)
            _log.error("not reloaded: %s", e.message)
            return
        self._loaded = loaded
        self._reloaded.set(1)
        logging.getLogger("flarego").setLevel(loaded.settings.log_level.upper())
        _log.info("reloaded: %s", ", ".join(changed) or "nothing has changed")
        if fixed:
            _log.warning("only a restart changes %s", ", ".join(fixed))

    def hurry(self) -> None:
        """Do not wait for anybody any more."""
        self._hurry.set()

    async def stop(self) -> None:
        """Send everybody elsewhere, wait for them a while, and end. May be called twice."""
        self.draining = True
        for server in getattr(self, "_servers", []):
            server.close()
        if hasattr(self, "_mux"):
            self._mux.drain()
            waiting = [asyncio.ensure_future(event.wait()) for event in (self._mux.quiet, self._hurry)]
            await asyncio.wait(waiting, timeout=self.settings.drain, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
            self._mux.abort()
        if hasattr(self, "_runner"):
            await self._runner.cleanup()
        for close in self._closing:
            await close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.hub.sweep()


def verify(settings: GatewaySettings) -> None:
    """See whether a gateway could start so, without starting one. Raises FlareErrors."""
    _check_exposure(settings, parse_listen(settings.listen)[0])
    authenticator_for(settings)
    _certificate(settings)


def _certificate(settings: GatewaySettings) -> Certificate | None:
    if not (settings.tls_cert and settings.tls_key_file):
        return None
    return Certificate(settings.tls_cert, settings.tls_key_file, settings.tls_client_ca)


def _store(settings: GatewaySettings, hub: Hub, registry: Registry) -> RedisStore | None:
    """Return what keeps together what several gateways take, if that is wanted. Raises FlareError."""
    if not settings.redis:
        return None
    from flarego.gateway.redis import new_store  # its client is 14 MB

    where = (settings.redis, settings.redis_user, settings.redis_password_file, settings.redis_ca)
    return new_store(hub, registry, *where)


def _share_sessions(trust: Trust, store: RedisStore | None) -> None:
    if store is not None:
        from flarego.gateway.redis.sessions import RedisShelf

        trust.share(RedisShelf(store))


def _mark_fleet(app: web.Application) -> None:
    app[FLEET] = True


def _check_exposure(settings: GatewaySettings, host: str) -> None:
    """Raise ListenFailed for what would show everything to everybody."""
    if is_loopback(host) or settings.insecure or (settings.tls_cert and settings.authenticates):
        return
    missing = " and ".join(
        what for what, there in (("TLS", settings.tls_cert), ("authentication", settings.authenticates)) if not there
    )
    raise ListenFailed(
        f"listening on {written(host, parse_listen(settings.listen)[1])} without {missing} would let others in",
        remedy="set --tls-cert, --tls-key-file and --tokens or --jwt-…; behind a proxy that does it, say --insecure",
    )
