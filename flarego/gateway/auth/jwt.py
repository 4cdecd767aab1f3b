"""Agents' tokens: JWTs that somebody else signed, checked against keys whose kind decides the algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flarego.gateway.auth.grants import Grants, grants_of
from flarego.gateway.auth.keys import KeySource
from flarego.gateway.auth.principal import Principal, Unauthenticated

_MAX = 16 << 10
_ABSURD = (ValueError, TypeError, OverflowError, RecursionError)
"""What a token brings forth in which there are times beyond all numbers, or brackets without end."""


@dataclass(frozen=True)
class Claims:
    """What a token must say, and where it says what it may."""

    issuer: str
    audience: str
    leeway_s: float = 30.0
    namespaces: str = "ns"
    scopes: str = "scope"
    grants: Grants = field(default_factory=dict)
    """Of a token that says neither, such as a Kubernetes service account's."""


@dataclass(frozen=True)
class JwtVerifier:
    """Authenticates agents."""

    keys: KeySource
    claims: Claims

    async def authenticate(self, token: str) -> Principal:
        """Return who it is. Raises Unauthenticated."""
        import jwt

        if len(token) > _MAX:
            raise Unauthenticated("that token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, *_ABSURD):
            raise Unauthenticated("that is no JWT") from None
        kid = header.get("kid")
        keys = await self.keys.find(str(header.get("alg")), kid if isinstance(kid, str) else None)
        problem = "no key is known that could have signed that token"
        for key in keys:
            try:
                return self._principal(self._decode(token, key.key, key.algorithm))
            except jwt.InvalidSignatureError:
                problem = "nobody we know has signed that token"
            except (jwt.PyJWTError, *_ABSURD) as e:
                raise Unauthenticated(_told(e)) from None
        raise Unauthenticated(problem)

    def _decode(self, token: str, key: Any, algorithm: str) -> Mapping[str, Any]:
        import jwt

        found: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self.claims.issuer,
            audience=self.claims.audience,
            leeway=self.claims.leeway_s,
            options={"require": ["exp", "iss", "aud"]},
        )
        return found

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        namespaces, scopes = _claim(claims, self.claims.namespaces), _claim(claims, self.claims.scopes)
        if namespaces is None and scopes is None:
            grants = self.claims.grants
        else:
            grants = grants_of("default" if namespaces is None else namespaces, scopes)
        name = str(claims.get("sub") or "agent")[:256]
        return Principal(name, "agent", grants, float(claims["exp"]) + self.claims.leeway_s)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim; of kubernetes.io/namespace, the namespace in kubernetes.io."""
    if name in claims:
        return claims[name]
    outer, _, inner = name.rpartition("/")
    found = claims.get(outer)
    return found.get(inner) if isinstance(found, dict) else None


def _told(e: Exception) -> str:
    """Return what is wrong, without what the token says."""
    import jwt

    match e:
        case jwt.ExpiredSignatureError():
            return "that token has expired"
        case jwt.ImmatureSignatureError():
            return "that token is not valid yet: do the clocks agree?"
        case jwt.InvalidIssuerError():
            return "that token is from another issuer"
        case jwt.InvalidAudienceError():
            return "that token is for another audience"
        case jwt.MissingRequiredClaimError():
            return f"that token has no {e.claim}"
    return "that token cannot be verified"
