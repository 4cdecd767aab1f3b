"""What can be set of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from flarego.config.exporter import EXPORTERS, ExporterSettings
from flarego.config.kind import BYTES, FILE, FLAG, NETWORK, NUMBER, SECONDS, URL, choice, matching, several
from flarego.config.table import setting
from flarego.config.watch import LISTEN

_NAME = matching(r"[A-Za-z0-9-]{1,64}", "NAME", "write the name of a header")
_GRANT = matching(
    r"[^=,@\s]{1,128}=[a-z:+]{1,64}@[a-z0-9*?._-]{1,63}",
    "GRANT",
    "write GROUP=SCOPE@NAMESPACE, e.g. sre=admin@* or dev=read+clip:write@staging",
)
_GRANTED = matching(r"[a-z:+]{1,64}@[a-z0-9*?._-]{1,63}", "GRANT", "write SCOPE@NAMESPACE, e.g. ingest@default")
_ORIGIN = matching(r"https?://[^/\s,]{1,255}", "ORIGIN", "write it as browsers do: https://tools.example")
_HOST = matching(r"[A-Za-z0-9._:\[\]-]{1,255}", "HOST", "write a host's name")

tls = partial(setting, None, kind=FILE, group="TLS")
trust = partial(setting, reload=True, group="Who may")
kept = partial(setting, group="What is kept")
limit = partial(setting, kind=NUMBER, reload=True, group="Limits (0: none)")
told = partial(setting, group="What it tells")


@dataclass(frozen=True)
class GatewaySettings:
    """How a gateway listens, whom it trusts, what it keeps."""

    SECTION: ClassVar[str] = "gateway"

    listen: str = setting(LISTEN, "Where everything is served, HOST:PORT; port 0 takes any free one.")
    insecure: bool = setting(
        False, "Listen beyond this machine without TLS or without asking who it is, knowing what that means.", FLAG
    )
    allowed_hosts: tuple[str, ...] = setting(
        (), "Names under which browsers reach the gateway (a proxy's, too).", several(_HOST), reload=True
    )
    allowed_origins: tuple[str, ...] = setting(
        (), "Other pages that may use the gateway, as https://tools.example.", several(_ORIGIN), reload=True
    )
    drain: float = setting(10.0, "How long connections may take to end when the gateway does.", SECONDS)

    tls_cert: Path | None = tls("Certificate chain, PEM; read again when it changes.")
    tls_key_file: Path | None = tls("Its private key, PEM.")
    tls_client_ca: Path | None = tls("Certificates that must have signed those of agents and programs (mutual TLS).")

    tokens: Path | None = trust(None, "Tokens of people and programs, made by `flarego token`.", FILE)
    session: float = trust(12 * 3600.0, "How long a browser stays logged in.", SECONDS)
    jwt_secret_file: Path | None = trust(None, "Secret of agents' tokens signed with HS256, 32 bytes or more.", FILE)
    jwt_key_files: tuple[Path, ...] = trust(
        (), "Public keys of agents' tokens, PEM: RS256, ES256 or EdDSA.", several(FILE)
    )
    jwt_jwks_url: str | None = trust(None, "Where agents' public keys are published.", URL)
    jwt_jwks_file: Path | None = trust(None, "Agents' public keys as a JWKS file.", FILE)
    jwt_jwks_ca: Path | None = trust(None, "Certificates to trust where they are published; else the system's.", FILE)
    jwt_issuer: str | None = trust(None, "Who must have issued agents' tokens (iss).")
    jwt_audience: str = trust("flarego", "For whom agents' tokens must be (aud).")
    jwt_leeway: float = trust(30.0, "By how much clocks may differ.", SECONDS)
    jwt_namespace_claim: str = trust("ns", "Claim that names an agent's namespaces.")
    jwt_scope_claim: str = trust("scope", "Claim that names an agent's scopes.")
    jwt_grants: tuple[str, ...] = trust(
        (), "What a token may that has neither claim, as ingest@default.", several(_GRANTED)
    )
    proxy_from: tuple[str, ...] = trust(
        (), "Addresses of proxies that are believed who asks, and from where.", several(NETWORK)
    )
    proxy_header: str | None = trust(None, "Header in which they name the person.", _NAME)
    proxy_groups_header: str | None = trust(None, "Header in which they name the person's groups, with commas.", _NAME)
    proxy_grants: tuple[str, ...] = trust(
        (), "What a group may: sre=admin@*, dev=read+clip:write@staging; the group * is everybody.", several(_GRANT)
    )

    retention: float = kept(900.0, "How far back everything is kept.", SECONDS)
    retention_bytes: int = kept(2 << 30, "How much is kept of all, in memory.", BYTES)
    retention_namespace_bytes: int = kept(1 << 30, "How much of one namespace.", BYTES)
    redis: str | None = kept(None, "Redis or Valkey to keep it in, redis://HOST:PORT or rediss://.", URL)
    redis_user: str | None = kept(None, "The ACL user there.")
    redis_password_file: Path | None = kept(None, "That user's password.", FILE)
    redis_ca: Path | None = kept(None, "Certificates to trust there; else the system's.", FILE)

    limit_agents: int = limit(1000, "Agents' streams in one namespace.")
    limit_processes: int = limit(2000, "Processes in one namespace.")
    limit_bytes_per_s: int = limit(64 << 20, "What one namespace may send in a second.", kind=BYTES)
    limit_series: int = limit(100_000, "Series in one namespace.")
    limit_subscribers: int = limit(10_000, "Who may watch one namespace at a time.")
    limit_query_s: float = limit(10.0, "How long a query may take.", kind=SECONDS)
    limit_query_bytes: int = limit(32 << 20, "How large its answer may be.", kind=BYTES)
    limit_request_bytes: int = limit(16 << 20, "How large a request or a message may be.", kind=BYTES)
    limit_head_s: float = limit(5.0, "How long the head of a request may take.", kind=SECONDS)
    limit_handshake_s: float = limit(5.0, "How long a TLS handshake may take.", kind=SECONDS)
    limit_connections: int = limit(0, "Connections from one address.")

    audit: Path | None = told(None, "File to which is added who did what, as JSON lines.", FILE)
    log_format: str = told("text", "How the log is written.", choice("text", "json"))
    log_level: str = told("info", "How much is logged.", choice("debug", "info", "warning", "error"), reload=True)
    exporters: tuple[ExporterSettings, ...] = told(
        (), "Bring what comes in to files, OTLP or Pyroscope; tables [[gateway.exporters]] say more.", EXPORTERS
    )
    public_metrics: bool = told(False, "Show /metrics to everybody.", FLAG)
    process_metrics: bool = told(False, "Tell Prometheus of every process's scheduler as well.", FLAG)

    @property
    def authenticates(self) -> bool:
        """Whether anything is configured that tells who asks."""
        return bool(self.tokens or self.verifies_agents or self.proxy_header)

    @property
    def verifies_agents(self) -> bool:
        """Whether there are keys for agents' tokens."""
        return bool(self.jwt_secret_file or self.jwt_key_files or self.jwt_jwks_url or self.jwt_jwks_file)

    def validate(self) -> Iterator[str]:
        """Yield what does not go together."""
        if bool(self.tls_cert) != bool(self.tls_key_file):
            yield "--tls-cert and --tls-key-file go together"
        if self.tls_client_ca and not self.tls_cert:
            yield "--tls-client-ca needs --tls-cert and --tls-key-file"
        if self.verifies_agents and not self.jwt_issuer:
            yield "agents' tokens need --jwt-issuer: whose are they to be?"
        if self.proxy_header and not self.proxy_from:
            yield "--proxy-header needs --proxy-from: whose header is it that is believed?"
        if (self.proxy_groups_header or self.proxy_grants) and not self.proxy_header:
            yield "--proxy-groups-header and --proxy-grants need --proxy-header"
        if self.redis_password_file and not self.redis:
            yield "--redis-password-file needs --redis"
