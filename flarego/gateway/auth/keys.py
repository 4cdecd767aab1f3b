"""Keys that verify agents' tokens: of files, read again when they change, or published as a JWKS."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flarego.errors import BadSettings

MIN_SECRET = 32
"""Bytes of an HS256 secret, as RFC 7518 wants it: no less than the hash."""
MIN_RSA_BITS = 2048
MAX_BYTES = 256 << 10
_MAX_KEYS = 100
_ALL_READ = 0o004
REFRESH_S = 600.0
"""How often published keys are fetched, so that those withdrawn are not accepted for long."""
RETRY_S = 10.0
"""How often at most: whoever sends tokens with made-up key ids must not make us fetch for each."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Key:
    """A key, good for one algorithm only: what a token says about its own algorithm is never believed."""

    key: Any
    algorithm: str
    id: str | None = None


class KeySource(Protocol):
    """Where keys come from."""

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        """Return the keys that may have signed such a token."""
        ...


def matching(keys: Sequence[Key], algorithm: str, kid: str | None) -> list[Key]:
    """Return the keys for an algorithm, of that id; keys or tokens without id match every."""
    return [key for key in keys if key.algorithm == algorithm and (kid is None or key.id in (None, kid))]


class FileKeys:
    """The keys of files, read again when one of them changes."""

    def __init__(self, paths: Sequence[Path], parse: Callable[[Path, bytes], list[Key]]) -> None:
        """Raises BadSettings."""
        self._paths, self._parse = paths, parse
        self._seen: list[tuple[int, int, int]] = []
        self._keys: list[Key] = []
        self._read()

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        try:
            self._read()
        except BadSettings as e:
            _log.error("%s; going on with the keys there were", e.message)
        return matching(self._keys, algorithm, kid)

    def _read(self) -> None:
        try:
            statuses = [path.stat() for path in self._paths]
            seen = [(status.st_mtime_ns, status.st_size, status.st_ino) for status in statuses]
            if seen != self._seen:
                self._keys = [key for path in self._paths for key in self._parse(path, read_bounded(path))]
                self._seen = seen
        except OSError as e:
            raise BadSettings(f"{e.filename} cannot be read: {e.strerror}") from None


class AnyKeys:
    """The keys of several sources."""

    def __init__(self, sources: Sequence[KeySource]) -> None:
        self._sources = sources

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        found: list[Key] = []
        for source in self._sources:
            found += await source.find(algorithm, kid)
        return found


class PublishedKeys:
    """The keys of a JWKS somewhere, fetched again for a key id that nobody knows, and now and then."""

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: list[Key] = []
        self._tried = float("-inf")
        self._fetching = asyncio.Lock()
        self.problem = "no keys were fetched yet"
        """Why the keys are not fresh; "" when they are."""

    async def find(self, algorithm: str, kid: str | None) -> Sequence[Key]:
        if not (found := matching(self._keys, algorithm, kid)):
            await self.refresh()
            found = matching(self._keys, algorithm, kid)
        return found

    @property
    def stale(self) -> bool:
        """Whether it is time to fetch them again."""
        return self._clock() - self._tried >= (RETRY_S if self.problem else REFRESH_S)

    async def refresh(self) -> None:
        """Fetch the keys, unless that was tried just now; when it fails, keep those there are."""
        async with self._fetching:
            if self._clock() - self._tried >= RETRY_S:
                await self._refresh()

    async def _refresh(self) -> None:
        try:
            self._keys = parse_jwks(await self._fetch())
        except Exception as e:
            self.problem = f"{type(e).__name__}: {e}"[:200]
            _log.warning("the keys of agents' tokens could not be fetched: %s", self.problem)
        else:
            self.problem = ""
        finally:
            self._tried = self._clock()


def read_bounded(path: Path) -> bytes:
    """Return a small file. Raises BadSettings, OSError."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadSettings(f"{path} is too large for keys")
    return data


def secret_key(path: Path, data: bytes) -> list[Key]:
    """Return the key of an HS256 secret. Raises BadSettings."""
    if path.exists() and path.stat().st_mode & _ALL_READ:
        _log.warning("%s can be read by everybody on this machine: chmod 600 %s", path, path)
    secret = data.rstrip(b"\r\n")
    if len(secret) < MIN_SECRET:
        raise BadSettings(f"{path} has {len(secret)} bytes; a secret for HS256 has {MIN_SECRET} or more",
                          remedy=f"openssl rand -hex 32 > {path}")  # fmt: skip
    return [Key(secret, "HS256")]


def pem_key(path: Path, data: bytes) -> list[Key]:
    """Return the public key of a PEM file, of a certificate too. Raises BadSettings."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certified = b"BEGIN CERTIFICATE" in data
        public: Any = load_pem_x509_certificate(data).public_key() if certified else load_pem_public_key(data)
        return [Key(public, _algorithm(public))]
    except ValueError as e:
        raise BadSettings(f"{path} is no public key that can be used: {e}") from None


def parse_jwks(data: bytes) -> list[Key]:
    """Return the keys of a JWKS that can be used; others are left out. Raises ValueError when it is none."""
    found = json.loads(data)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        raise ValueError("that is no JWKS")
    return [key for one in keys[:_MAX_KEYS] if isinstance(one, dict) and (key := _of_jwk(one)) is not None]


def jwks_keys(path: Path, data: bytes) -> list[Key]:
    """Return the keys of a JWKS file. Raises BadSettings."""
    try:
        return parse_jwks(data)
    except (ValueError, RecursionError):
        raise BadSettings(f"{path} is no JWKS") from None


def _of_jwk(one: dict[str, Any]) -> Key | None:
    """Return the key. A secret that is published is none, a key for encryption signs nothing."""
    import jwt

    if one.get("kty") == "oct" or one.get("use", "sig") != "sig":
        return None
    try:
        kid = one.get("kid")
        public = jwt.PyJWK.from_dict({name: value for name, value in one.items() if name != "d"}).key
        algorithm = _algorithm(public)
        wanted = one.get("alg", algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return Key(public, algorithm, kid if isinstance(kid, str) else None) if wanted == algorithm else None


def _algorithm(public: Any) -> str:
    """Return the one algorithm a public key is used with. Raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match public:
        case rsa.RSAPublicKey():
            if public.key_size < MIN_RSA_BITS:
                raise ValueError(f"an RSA key of {public.key_size} bits is too short")
            return "RS256"
        case ec.EllipticCurvePublicKey() if isinstance(public.curve, ec.SECP256R1):
            return "ES256"
        case ed25519.Ed25519PublicKey():
            return "EdDSA"
    raise ValueError("neither RSA, P-256 nor Ed25519")
