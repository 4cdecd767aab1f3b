"""Grants, as tokens, proxies and settings write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flarego.gateway.auth.principal import Scope

_PATTERN = re.compile(r"[a-z0-9*?][a-z0-9*?._-]{0,62}", re.ASCII)
_MAX_NAMESPACES = 64

Grants = Mapping[str, frozenset[Scope]]


def grants_of(namespaces: object, scopes: object) -> Grants:
    """Return the grants of two claims, each text or a list of text. What is no namespace or scope grants nothing."""
    granted = frozenset(Scope(name) for name in _words(scopes) if name in set(Scope))
    patterns = [name for name in _words(namespaces) if _PATTERN.fullmatch(name)][:_MAX_NAMESPACES]
    return dict.fromkeys(patterns, granted) if granted else {}


def parse_grant(text: str) -> tuple[str, frozenset[Scope]]:
    """Return (namespaces, scopes) of "read+clip:write@prod". Raises ValueError."""
    scopes, _, pattern = text.partition("@")
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern!r} is no namespace, nor a pattern of some")
    return pattern, frozenset(parse_scope(name) for name in scopes.split("+"))


def parse_scope(name: str) -> Scope:
    """Return the scope. Raises ValueError."""
    try:
        return Scope(name)
    except ValueError:
        raise ValueError(f"{name!r} is no scope; there are {', '.join(Scope)}") from None


def joined(grants: Iterable[tuple[str, frozenset[Scope]]]) -> Grants:
    """Return all of them as one."""
    found: dict[str, frozenset[Scope]] = {}
    for pattern, scopes in grants:
        found[pattern] = found.get(pattern, frozenset()) | scopes
    return found


def _words(claim: object) -> list[str]:
    """Return the words of a claim, however it is written: OAuth has them in one text, others in a list."""
    if isinstance(claim, str):
        return claim.split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []
