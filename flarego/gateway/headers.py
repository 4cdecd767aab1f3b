"""Headers of every answer: a strict Content-Security-Policy and its kin."""

from __future__ import annotations

import base64
import hashlib

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "worker-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def policy(style: str | None = None) -> str:
    """Return the policy; a page that carries its own style is allowed just that one."""
    rules = dict(_POLICY)
    if style is not None:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        rules["style-src"] = f"'sha256-{digest}'"
    return "; ".join(f"{name} {value}" for name, value in rules.items())


SECURITY = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "flarego",
}
