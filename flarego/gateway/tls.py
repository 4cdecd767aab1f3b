"""TLS of the gateway's port: 1.2 and later, certificates that are read again when they change."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from flarego.errors import ListenFailed
from flarego.gateway.mux import ALPN

LOOK_S = 5.0
"""How often it is looked whether the files have changed."""
_BUFFER = 1 << 15
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Certificate:
    """A certificate and its key in files, and the context that presents them."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    """Whoever connects must show a certificate that one of these has signed."""
    context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        """Read the files. Raises ListenFailed."""
        self.context = self._context()
        self._seen = self._times()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(ALPN))
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as e:
            raise ListenFailed(
                f"the certificate {self.cert} with the key {self.key} cannot be used: {e.strerror or e}",
                remedy="both are PEM files that belong together, and readable for this user",
            ) from None
        return context

    def reload(self) -> None:
        """Present what is in the files now, to those who connect from now on. Raises ListenFailed; then all stays."""
        self._context()
        self.context.load_cert_chain(self.cert, self.key)
        if self.client_ca is not None:
            self.context.load_verify_locations(self.client_ca)
        self._seen = self._times()

    def _times(self) -> tuple[int, ...]:
        files = [self.cert, self.key, *([self.client_ca] if self.client_ca else [])]
        return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)

    async def watch(self) -> None:
        """Reload whenever the files change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._times() != self._seen:
                try:
                    self.reload()
                    _log.info("presenting the certificate %s anew", self.cert)
                except ListenFailed as e:
                    _log.warning("%s; the one before stays", e.message)
                    self._seen = self._times()


def save_memory() -> None:
    """Give each TLS connection a buffer of 32 KiB, where asyncio takes 256: of 1,000 subscribers that is 220 MB.

    Measured: shared/facts/GATEWAY.md, part 2. Where asyncio has no such attribute nothing happens.
    """
    if isinstance(getattr(asyncio.sslproto.SSLProtocol, "max_size", None), int):
        asyncio.sslproto.SSLProtocol.max_size = _BUFFER
