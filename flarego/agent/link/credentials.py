"""What the agent shows to gateways, and asks of them: the token, TLS. Read from files, again when they change."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from flarego.errors import BadSettings

if TYPE_CHECKING:
    import ssl

MAX_TOKEN = 16 << 10
_TOKEN = re.compile(r"[!-~]+")
_log = logging.getLogger(__name__)


class Token:
    """A bearer token that lies in a file, and may be replaced there at any time."""

    def __init__(self, path: Path | None) -> None:
        """Raises BadSettings when there is no token to begin with."""
        self._path = path
        self._known: tuple[int, int, int] | None = None
        self._text = ""
        if path is not None:
            try:
                self._read(path)
            except (OSError, ValueError) as e:
                reason = e.strerror if isinstance(e, OSError) else e
                raise BadSettings(f"the token in {path} cannot be read: {reason}", remedy="see --token-file") from None

    def current(self) -> str:
        """Return the token as the file has it now; "" without a file. One that cannot be read any more stays."""
        if self._path is not None:
            try:
                self._read(self._path)
            except (OSError, ValueError) as e:
                _log.warning("the token cannot be read again; the one before is used on", extra={"reason": str(e)})
        return self._text

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            status = path.stat()
            known = (status.st_ino, status.st_mtime_ns, status.st_size)
            if known == self._known:
                return
            text = file.read(MAX_TOKEN + 1).decode("ascii", "replace").strip()
        if len(text) > MAX_TOKEN or not _TOKEN.fullmatch(text):
            raise ValueError("it holds no token: one line of printable characters")
        self._text, self._known = text, known


class Security:
    """How connections are secured."""

    def __init__(
        self,
        *,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        server_name: str | None = None,
    ) -> None:
        """Raises BadSettings when the files are not what they should be."""
        self._ca, self._certificate, self._key = ca, certificate, key
        self.server_name = server_name
        self.context()

    def context(self) -> ssl.SSLContext:
        """Return a context of what the files hold now. Raises BadSettings."""
        import ssl  # 7 MB with the system's certificates

        try:
            context = ssl.create_default_context(cafile=self._ca)
        except OSError as e:
            raise _unusable(self._ca, e) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        if self._certificate is not None:
            try:
                context.load_cert_chain(self._certificate, self._key)
            except OSError as e:
                raise _unusable(self._certificate, e) from None
        return context


def _unusable(path: Path | None, e: OSError) -> BadSettings:
    reason = e.strerror or getattr(e, "reason", "") or str(e)
    return BadSettings(
        f"{path or 'the system certificates'} cannot be used: {reason}", remedy="see --ca, --cert, --key"
    )
