"""The audit log: who did what, when, from where, and whether it was allowed."""

from __future__ import annotations

from typing import Protocol

from flarego.gateway.auth.principal import Principal


class Audit(Protocol):
    """Where it is written down."""

    def write(
        self, principal: Principal, action: str, target: str, namespace: str, peer: str, outcome: str,
        *, request_id: str = "",
    ) -> None: ...  # fmt: skip


class _NoAudit:
    def write(
        self, principal: Principal, action: str, target: str, namespace: str, peer: str, outcome: str,
        *, request_id: str = "",
    ) -> None:  # fmt: skip
        """Write nothing: nobody asked for it."""


NO_AUDIT: Audit = _NoAudit()
