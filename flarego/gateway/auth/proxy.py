"""A reverse proxy in front, that has asked a person who it is (OIDC) and tells us in a header.

It is believed only when the connection itself comes from its address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flarego.gateway.auth.grants import Grants, joined, parse_grant
from flarego.gateway.auth.principal import Credentials, Principal, Scope, Unauthenticated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
EVERYBODY = "*"
_MAX_NAME = 256


@dataclass(frozen=True)
class Proxies:
    """Whose X-Forwarded headers are believed."""

    networks: Sequence[Network] = ()

    @classmethod
    def of(cls, networks: Sequence[str]) -> Proxies:
        return cls(tuple(ipaddress.ip_network(network) for network in networks))

    def know(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

    def address(self, peer: str, headers: Mapping[str, str]) -> str:
        """Return where a request really comes from: the last address that no proxy of ours wrote."""
        forwarded = ",".join(_all(headers, "X-Forwarded-For")).split(",")
        while self.know(peer) and forwarded:
            shown = forwarded.pop().strip()
            try:
                peer = str(ipaddress.ip_address(shown))
            except ValueError:
                break
        return peer

    def secure(self, peer: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a proxy says that it was reached over TLS."""
        return self.know(peer) and headers.get("X-Forwarded-Proto", "").lower() == "https"


@dataclass(frozen=True)
class ProxyHeader:
    """Authenticates whom a proxy names."""

    proxies: Proxies
    header: str
    groups_header: str | None
    grants: Sequence[tuple[str, Grants]]
    """(group, what it may)."""

    @classmethod
    def of(cls, proxies: Proxies, header: str, groups_header: str | None, grants: Sequence[str]) -> ProxyHeader:
        """`grants` are written GROUP=SCOPE@NAMESPACE. Raises ValueError."""
        pairs = [text.partition("=") for text in grants]
        return cls(proxies, header, groups_header, [(group, joined([parse_grant(text)])) for group, _, text in pairs])

    def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return who it is; None when no proxy says so. Raises Unauthenticated when it says so twice."""
        if not self.proxies.know(credentials.peer):
            return None
        name = _only(credentials.headers, self.header)
        if not name:
            return None
        if len(name) > _MAX_NAME or not name.isprintable():
            raise Unauthenticated("the proxy names nobody that can be")
        groups = {EVERYBODY}
        if self.groups_header:
            groups |= {part.strip() for part in _only(credentials.headers, self.groups_header).split(",")}
        granted: list[tuple[str, frozenset[Scope]]] = [
            pair for group, grants in self.grants if group in groups for pair in grants.items()
        ]
        return Principal(name, "proxy", joined(granted), key=f"proxy:{name}")


def _all(headers: Mapping[str, str], name: str) -> list[str]:
    """Return every header of that name, in order: a proxy may have added its own to one that was there."""
    return list(headers.getall(name, [])) if hasattr(headers, "getall") else [headers.get(name, "")]


def _only(headers: Mapping[str, str], name: str) -> str:
    """Return the header. One that is there twice is not all of the proxy's making. Raises Unauthenticated."""
    values = _all(headers, name)
    if len(values) > 1:
        raise Unauthenticated(f"there is more than one {name}", remedy="let the proxy replace the header")
    return values[0].strip() if values else ""
