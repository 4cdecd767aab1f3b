"""Opaque tokens of people and programs: flg_<id>_<secret>, of which a file keeps the hashes.

SHA-256 and no slow hash: a secret is 256 random bits, which nobody guesses, and 100 ms of argon2 for every request
would be a way to keep us busy. The file is read again when it changes: what is revoked is refused at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flarego.errors import FlareError
from flarego.gateway.auth.grants import Grants, grants_of, joined
from flarego.gateway.auth.principal import Principal, Unauthenticated

_TOKEN = re.compile(r"flg_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_MAX_FILE = 4 << 20
_OTHERS_WRITE = 0o022
_VERSION = 1
_log = logging.getLogger(__name__)


class BadTokenFile(FlareError):
    """The file of tokens cannot be used."""

    exit_code = 8
    usual_remedy = "`flarego token create` makes a new one where there is none"


@dataclass(frozen=True)
class Token:
    """What is kept of a token."""

    id: str
    name: str
    hash: str
    """SHA-256 of the whole token, in hex."""
    grants: Grants
    created: float
    expires: float | None = None
    revoked: float | None = None

    def state(self, now: float) -> str:
        """Return valid, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "valid"

    def principal(self) -> Principal:
        return Principal(self.name, "token", self.grants, self.expires, f"token:{self.id}")


def looks_like_token(text: str) -> bool:
    return text.startswith("flg_")


class TokenFile:
    """The tokens in a file."""

    def __init__(self, path: Path) -> None:
        """Raises BadTokenFile; a file that is not there yet has no tokens."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: Mapping[str, Token] = {}
        self._problem = ""
        self._tokens = self._read()

    def authenticate(self, text: str) -> Principal:
        """Return whose token this is. Raises Unauthenticated."""
        match = _TOKEN.fullmatch(text)
        token = self.all().get(match[1]) if match else None
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        if not hmac.compare_digest(digest, token.hash if token else "") or token is None:
            raise Unauthenticated("no token, or a wrong one")
        if (state := token.state(time.time())) != "valid":
            raise Unauthenticated(f"that token is {state}")
        return token.principal()

    def find(self, id: str) -> Token | None:
        """Return the token, if it is valid now."""
        token = self.all().get(id)
        return token if token is not None and token.state(time.time()) == "valid" else None

    def all(self) -> Mapping[str, Token]:
        """Return what the file has now. When it cannot be read any more, what it had: a slip of the pen locks nobody
        out, and revoking replaces the file whole."""
        try:
            self._tokens = self._read()
            self._problem = ""
        except BadTokenFile as e:
            if e.message != self._problem:
                _log.error("%s; going on with the tokens there were", e.message)
            self._problem = e.message
        return self._tokens

    def create(self, name: str, grants: Grants, expires: float | None = None) -> tuple[str, Token]:
        """Return a new token's text, which is kept nowhere, and what is kept of it. Raises BadTokenFile."""
        if not _NAME.fullmatch(name):
            raise ValueError("a token's name is 1 to 128 characters, none of them control characters")
        id = secrets.token_hex(6)
        text = f"flg_{id}_{secrets.token_urlsafe(32)}"
        token = Token(id, name, hashlib.sha256(text.encode()).hexdigest(), grants, time.time(), expires)
        with self._changing() as tokens:
            tokens[id] = token
        return text, token

    def revoke(self, id: str) -> Token | None:
        """Return the token, revoked from now on; None when there is no such. Raises BadTokenFile."""
        with self._changing() as tokens:
            if (token := tokens.get(id)) is not None and token.revoked is None:
                token = tokens[id] = replace(token, revoked=time.time())
        return token

    def _read(self) -> Mapping[str, Token]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = status.st_mtime_ns, status.st_size, status.st_ino
                if seen == self._seen:
                    return self._tokens
                if status.st_mode & _OTHERS_WRITE:
                    raise BadTokenFile(f"{self._path} can be written by others", remedy=f"chmod 600 {self._path}")
                data = file.read(_MAX_FILE + 1)
        except FileNotFoundError:
            self._seen = None
            return {}
        except OSError as e:
            raise BadTokenFile(f"{self._path} cannot be read: {e.strerror}") from None
        tokens = {token.id: token for token in _parse(self._path, data)}
        self._seen = seen
        return tokens

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Token]]:
        """Let the tokens be changed, by one process at a time, and replace the file by what they are then."""
        import fcntl

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                tokens = dict(self._read())
                yield tokens
                _replace(self._path, _written(list(tokens.values())))
            finally:
                os.close(lock)
        except OSError as e:
            raise BadTokenFile(f"{self._path} cannot be written: {e.strerror}", remedy="choose another file") from None


def _parse(path: Path, data: bytes) -> Iterator[Token]:
    try:
        if len(data) > _MAX_FILE:
            raise ValueError("it is too large")
        found = json.loads(data)
        if found["version"] != _VERSION:
            raise ValueError(f"version {found['version']!r}")
        yield from [_token(one) for one in found["tokens"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise BadTokenFile(f"{path} is no file of tokens: {e}") from None


def _token(one: Mapping[str, Any]) -> Token:
    grants = joined(pair for pattern, scopes in one["grants"].items() for pair in grants_of([pattern], scopes).items())
    id, name, digest = str(one["id"]), str(one["name"]), str(one["sha256"])
    if not re.fullmatch("[0-9a-f]{12}", id) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("a token without id or hash")
    expires, revoked = (None if one.get(key) is None else float(one[key]) for key in ("expires", "revoked"))
    return Token(id, name, digest, grants, float(one["created"]), expires, revoked)


def _written(tokens: Sequence[Token]) -> bytes:
    listed = [
        {
            "id": token.id,
            "name": token.name,
            "sha256": token.hash,
            "grants": {pattern: sorted(scopes) for pattern, scopes in token.grants.items()},
            "created": token.created,
            "expires": token.expires,
            "revoked": token.revoked,
        }
        for token in tokens
    ]
    return json.dumps({"version": _VERSION, "tokens": listed}, indent=1).encode() + b"\n"


def _replace(path: Path, data: bytes) -> None:
    """Replace a file at once, or not at all; nobody else may read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
