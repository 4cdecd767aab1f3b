"""The audit log: who did what, when, from where, and whether it was allowed.

JSON lines, only ever added to. Each has the hash of the one before, so that a line that was changed or taken out shows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from flarego.errors import BadSettings
from flarego.gateway.auth.principal import Principal
from flarego.logs import redact
from flarego.wire.prometheus import Registry

_MAX_TEXT = 256
_MAX_LINE = 16 << 10
_FIRST = "0" * 64
_log = logging.getLogger(__name__)


class Audit(Protocol):
    """Where it is written down."""

    def write(
        self, principal: Principal, action: str, target: str, namespace: str, peer: str, outcome: str,
        *, request_id: str = "",
    ) -> None: ...  # fmt: skip


class NoAudit:
    """Writes nothing: nobody asked for it."""

    def write(
        self, principal: Principal, action: str, target: str, namespace: str, peer: str, outcome: str,
        *, request_id: str = "",
    ) -> None:  # fmt: skip
        """Forget it."""


NO_AUDIT: Audit = NoAudit()


class AuditFile:
    """Adds to a file. A full disk stops nobody's work: it is logged, counted, and /readyz tells."""

    def __init__(self, path: Path, registry: Registry | None = None) -> None:
        """Raises BadSettings."""
        self._path = path
        self.problem = ""
        """Why the last line could not be written; "" when it could."""
        registry = registry or Registry()
        self._lines = registry.counter("flarego_audit_lines_total", "Lines of the audit log.", ["outcome"])
        self._lost = registry.counter("flarego_audit_lost_total", "Lines that could not be written.")
        self._file, self._previous = self._open()

    def write(
        self, principal: Principal, action: str, target: str, namespace: str, peer: str, outcome: str,
        *, request_id: str = "",
    ) -> None:  # fmt: skip
        entry = {
            "time": time.time(),
            "who": principal.name[:_MAX_TEXT],
            "kind": principal.kind,
            "key": principal.key.partition(":")[2][:12],
            "action": redact(action)[:_MAX_TEXT],
            "target": redact(target)[:_MAX_TEXT],  # somebody may have typed a token where a name belongs
            "namespace": namespace[:_MAX_TEXT],
            "from": peer[:_MAX_TEXT],
            "outcome": outcome,
            "request": request_id[:_MAX_TEXT],
            "previous": self._previous,
        }
        line = json.dumps(entry).encode() + b"\n"
        try:
            os.write(self._file, line)
        except OSError as e:
            self.problem = f"{self._path}: {e.strerror}"
            self._lost.inc()
            _log.error("the audit log could not be written: %s", self.problem)
            return
        self.problem = ""
        self._previous = _hash(line)
        self._lines.inc(outcome)

    def reopen(self) -> None:
        """Go on in the file of that name, which may be another by now. Raises BadSettings."""
        file, previous = self._open()
        os.close(self._file)
        self._file = file
        if previous != _FIRST:
            self._previous = previous

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> tuple[int, str]:
        """Return the file, and the hash of its last line."""
        try:
            file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o600)
            end = os.fstat(file).st_size
            tail = os.pread(file, _MAX_LINE, max(0, end - _MAX_LINE))
            if tail and not tail.endswith(b"\n"):  # the machine went down in the middle of a line
                tail += b"\n"
                os.write(file, b"\n")
        except OSError as e:
            raise BadSettings(f"{self._path} cannot be added to: {e.strerror}", remedy="name another --audit") from None
        if not tail:
            return file, _FIRST
        return file, _hash(tail[tail.rfind(b"\n", 0, -1) + 1 :])


def broken(lines: Iterable[bytes]) -> int | None:
    """Return the number of the first line, from 1, that does not follow from the one before; None when all do.

    The first line may follow one in a file before.
    """
    previous: str | None = None
    for number, line in enumerate(lines, 1):
        try:
            shown = json.loads(line)["previous"]
        except (ValueError, KeyError, TypeError):
            return number
        if previous is not None and shown != previous:
            return number
        previous = _hash(line)
    return None


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
