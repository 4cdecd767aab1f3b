"""All ways of proving who asks, as they are configured: what is shown decides which is asked."""

from __future__ import annotations

from dataclasses import dataclass

from flarego.config import GatewaySettings
from flarego.errors import BadSettings
from flarego.gateway.auth.fetch import fetcher
from flarego.gateway.auth.grants import joined, parse_grant
from flarego.gateway.auth.jwt import Claims, JwtVerifier
from flarego.gateway.auth.keys import AnyKeys, FileKeys, KeySource, PublishedKeys, jwks_keys, pem_key, secret_key
from flarego.gateway.auth.local import Access, new_token
from flarego.gateway.auth.principal import EVERYTHING, Credentials, Entrance, Principal, Unauthenticated
from flarego.gateway.auth.proxy import Proxies, ProxyHeader
from flarego.gateway.auth.session import Session, Sessions, digest
from flarego.gateway.auth.tokens import TokenFile, looks_like_token

_ANYBODY = Principal("anybody", "local", EVERYTHING)


class Anybody:
    """Authenticates everybody: what --insecure asks for, where nothing is configured."""

    async def authenticate(self, credentials: Credentials) -> Principal:
        return _ANYBODY

    def holds(self, principal: Principal) -> bool:
        return True

    async def exchange(self, principal: Principal, credentials: Credentials) -> str:
        return ""

    async def leave(self, credentials: Credentials) -> None:
        """Nobody was here."""

    def login(self) -> bool:
        return False


@dataclass(frozen=True, eq=False)
class Chain:
    """Asks tokens, agents' keys, sessions and proxies, whichever there are."""

    sessions: Sessions
    tokens: TokenFile | None = None
    agents: JwtVerifier | None = None
    proxy: ProxyHeader | None = None
    published: PublishedKeys | None = None

    async def authenticate(self, credentials: Credentials) -> Principal:
        """A token that is shown decides; a browser's cookie comes next, what a proxy says last."""
        shown = credentials.bearer
        if shown and self.tokens is not None and (looks_like_token(shown) or self.agents is None):
            return self.tokens.authenticate(shown)
        if shown and self.agents is not None:
            return await self.agents.authenticate(shown)
        if credentials.cookie and (principal := await self._by_cookie(credentials.cookie)) is not None:
            return principal
        if self.proxy is not None and (principal := self.proxy.authenticate(credentials)) is not None:
            return principal
        raise Unauthenticated("no token, or a wrong one")

    def holds(self, principal: Principal) -> bool:
        kind, _, id = principal.key.partition(":")
        if principal.expired():
            return False
        if kind == "token":
            return self.tokens is not None and self.tokens.find(id) is not None
        return kind != "session" or self._of_session(id, self.sessions.known(id)) is not None

    async def exchange(self, principal: Principal, credentials: Credentials) -> str:
        kind, _, id = principal.key.partition(":")
        if kind != "token":
            raise Unauthenticated("only a token of `flarego token` can be exchanged for a cookie")
        return await self.sessions.open(id, principal.expires)

    async def leave(self, credentials: Credentials) -> None:
        await self.sessions.close(digest(credentials.cookie))

    def login(self) -> bool:
        return self.tokens is not None

    async def refresh(self) -> None:
        """Fetch what changes elsewhere: keys that are published, sessions at other gateways."""
        if self.published is not None and self.published.stale:
            await self.published.refresh()
        await self.sessions.refresh()

    async def _by_cookie(self, cookie: str) -> Principal | None:
        key = digest(cookie)
        return self._of_session(key, await self.sessions.find(key))

    def _of_session(self, key: str, session: Session | None) -> Principal | None:
        """Return whose session it is: of a token that is still valid."""
        token = self.tokens.find(session.token) if session is not None and self.tokens is not None else None
        if session is None or token is None:
            return None
        return Principal(token.name, "token", token.grants, session.expires, f"session:{key}")


def authenticator_for(settings: GatewaySettings, before: Entrance | None = None) -> Entrance:
    """Return what the settings say of who may come in; what was open with the one before stays so.

    Raises BadSettings, BadTokenFile.
    """
    if not settings.authenticates:
        return Anybody() if settings.insecure else before if isinstance(before, Access) else Access(new_token())
    sessions = before.sessions if isinstance(before, Chain) else Sessions(settings.session)
    sessions.lasts_s = settings.session
    published = None
    if settings.jwt_jwks_url:
        published = PublishedKeys(fetcher(settings.jwt_jwks_url, settings.jwt_jwks_ca))
    try:
        return Chain(
            sessions,
            TokenFile(settings.tokens) if settings.tokens else None,
            _agents(settings, published),
            _proxy(settings),
            published,
        )
    except ValueError as e:
        raise BadSettings(str(e)) from None


def _proxy(settings: GatewaySettings) -> ProxyHeader | None:
    if not settings.proxy_header:
        return None
    proxies = Proxies.of(settings.proxy_from)
    return ProxyHeader.of(proxies, settings.proxy_header, settings.proxy_groups_header, settings.proxy_grants)


def _agents(settings: GatewaySettings, published: PublishedKeys | None) -> JwtVerifier | None:
    sources: list[KeySource] = [published] if published is not None else []
    for paths, parse in (
        ([settings.jwt_secret_file] if settings.jwt_secret_file else [], secret_key),
        (settings.jwt_key_files, pem_key),
        ([settings.jwt_jwks_file] if settings.jwt_jwks_file else [], jwks_keys),
    ):
        if paths:
            sources.append(FileKeys(paths, parse))
    if not sources:
        return None
    grants = joined(parse_grant(text) for text in settings.jwt_grants)
    return JwtVerifier(
        AnyKeys(sources),
        Claims(settings.jwt_issuer or "", settings.jwt_audience, settings.jwt_leeway, settings.jwt_namespace_claim,
               settings.jwt_scope_claim, grants),
    )  # fmt: skip
