"""Everything that decides what a request may do, in one place for HTTP and gRPC; made from the settings, and again."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from dataclasses import dataclass, field

from flarego.config import GatewaySettings
from flarego.gateway.audit import NO_AUDIT, Audit, AuditFile
from flarego.gateway.auth.chain import Anybody, Chain, authenticator_for
from flarego.gateway.auth.lease import Leases
from flarego.gateway.auth.principal import EVERYTHING, NOBODY, Credentials, Entrance, Principal, Unauthenticated
from flarego.gateway.auth.proxy import Proxies
from flarego.gateway.auth.session import Shelf
from flarego.gateway.auth.site import LOCAL, Site, hosts_for, split_host
from flarego.gateway.auth.throttle import Throttle
from flarego.gateway.limits import Limits, Meter, bounds
from flarego.gateway.policy import Rule, check
from flarego.overhead import new_registry
from flarego.wire.prometheus import Registry

_OPERATOR = Principal("SIGHUP", "local", EVERYTHING)
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Trust:
    """Who may come in, and what is written down of it."""

    authenticator: Entrance
    site: Site = field(default_factory=Site)
    audit: Audit = NO_AUDIT
    proxies: Proxies = field(default_factory=Proxies)
    registry: Registry = field(default_factory=new_registry)
    meter: Meter = field(init=False)
    leases: Leases = field(init=False)
    throttle: Throttle = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(registry=self.registry)
        self.leases = Leases(self.holds)
        self.throttle = Throttle()
        self._shown = self.registry.counter(
            "flarego_authentications_total", "How often somebody showed who it is, or failed to.", ["outcome"]
        )

    @classmethod
    def of(cls, settings: GatewaySettings, host: str) -> Trust:
        """Return what the settings say, for what listens on host. Raises BadSettings, BadTokenFile."""
        registry = new_registry()
        audit = AuditFile(settings.audit, registry) if settings.audit else NO_AUDIT
        trust = cls(authenticator_for(settings), audit=audit, registry=registry)
        trust._take(settings, host)
        return trust

    def replace(self, settings: GatewaySettings, host: str) -> None:
        """Go by other settings from now on; sessions stay open. Raises BadSettings, and then nothing has changed."""
        authenticator = authenticator_for(settings, self.authenticator)
        if isinstance(self.audit, AuditFile):
            self.audit.reopen()
        self.authenticator = authenticator
        self._take(settings, host)
        self.audit.write(_OPERATOR, "reload", "settings", "", "", "allowed")

    async def authenticate(self, credentials: Credentials, action: str = "", request_id: str = "") -> Principal:
        """Return who asks. Raises Unauthenticated, LimitReached where there were too many failures."""
        try:
            principal = await self.authenticator.authenticate(credentials)
        except Unauthenticated as e:
            self._shown.inc("failed")
            peer = self.address(credentials)
            if not (credentials.bearer or credentials.cookie):
                raise
            self.throttle.failed(peer)
            self.audit.write(NOBODY, action, e.message, "", peer, "unauthenticated", request_id=request_id)
            raise
        self._shown.inc(principal.kind)
        return principal

    def check(
        self,
        principal: Principal,
        rule: Rule,
        namespace: str,
        action: str,
        target: str,
        peer: str,
        request_id: str = "",
    ) -> None:
        """Ask the policy, and write it down. Raises Forbidden."""
        number = request_id or secrets.token_hex(8)
        check(principal, rule, namespace, action, target, audit=self.audit, peer=peer, request_id=number)

    def holds(self, principal: Principal) -> bool:
        return not principal.expired() and self.authenticator.holds(principal)

    def keys_problem(self) -> str:
        """Return why the published keys of agents' tokens are not fresh; "" when they are, or there are none."""
        published = self.authenticator.published if isinstance(self.authenticator, Chain) else None
        return published.problem if published is not None else ""

    def share(self, shelf: Shelf) -> None:
        """Keep sessions together with other gateways."""
        if isinstance(self.authenticator, Chain):
            self.authenticator.sessions.shelf = shelf

    async def run(self) -> None:
        """Watch over what lasts, and keep keys fresh, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.leases.run())
            tasks.create_task(self._refresh())

    async def _refresh(self) -> None:
        while True:
            if isinstance(self.authenticator, Chain):  # it may be another after a reload
                await self.authenticator.refresh()
            await asyncio.sleep(1)

    def address(self, credentials: Credentials) -> str:
        """Return where a request really comes from."""
        return self.proxies.address(credentials.peer, credentials.headers)

    def _take(self, settings: GatewaySettings, host: str) -> None:
        hosts = frozenset(hosts_for(host))
        if isinstance(self.authenticator, Anybody) and not hosts:
            hosts = LOCAL | {socket.gethostname().lower()}  # nothing else keeps out a page whose name was rebound
        if settings.allowed_hosts:
            hosts |= LOCAL | {split_host(name) for name in settings.allowed_hosts}
        self.site = Site(hosts, frozenset(settings.allowed_origins))
        self.proxies = Proxies.of(settings.proxy_from)
        limits = {name: getattr(settings, f"limit_{name}") for name in bounds(Limits())}
        self.meter.replace(Limits(**limits))
