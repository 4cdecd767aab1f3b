"""Windows pushed over HTTP: to an OpenTelemetry collector, or to a Pyroscope server."""

from __future__ import annotations

import gzip
import http.client
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from flarego import __version__
from flarego.config.exporter import ExporterSettings
from flarego.errors import FlareError
from flarego.formats import otlp as otlp_format
from flarego.formats import pyroscope as pyroscope_format
from flarego.formats.exporter import ExportFailed, Window
from flarego.formats.otlp_schema import HTTP_PATH
from flarego.formats.pyroscope_import import PUSH_PATH
from flarego.formats.recording import Recording

TIMEOUT_S = 10.0
_AGAIN = frozenset({408, 429, 502, 503, 504})
_MAX_ANSWER = 1 << 16
_MAX_HEADERS = 1 << 16
_MAX_RETRY_S = 300.0


class BadTarget(FlareError):
    """An exporter that cannot be set up."""


def otlp(settings: ExporterSettings) -> Pusher:
    """Return an exporter to an OpenTelemetry collector: OTLP/HTTP, protobuf."""
    return Pusher(settings, HTTP_PATH, "application/x-protobuf", otlp_format.request)


def pyroscope(settings: ExporterSettings) -> Pusher:
    """Return an exporter to a Pyroscope server's push API."""
    return Pusher(settings, PUSH_PATH, "application/proto", pyroscope_format.request)


class Pusher:
    """Sends each window as the body of one request; keeps its connection while it lasts."""

    def __init__(
        self, settings: ExporterSettings, path: str, content_type: str, form: Callable[[Recording], bytes]
    ) -> None:
        """Raises BadTarget."""
        self._settings, self._form, self._content_type = settings, form, content_type
        self._url = urlsplit(settings.target)
        self._path = _path_of(self._url, path)
        self._context = _context(settings.ca) if self._url.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None
        _headers(settings.headers_file)

    def export(self, window: Window) -> None:
        body = gzip.compress(self._form(window.recording()), 6, mtime=0)
        headers = {
            "Content-Type": self._content_type,
            "Content-Encoding": "gzip",
            "User-Agent": f"flarego/{__version__}",
            **_headers(self._settings.headers_file),
        }
        try:
            status, retry_after_s, said = self._post(body, headers)
        except (OSError, http.client.HTTPException) as e:
            self.close()
            raise ExportFailed(f"{self._url.netloc}: {e or type(e).__name__}") from None
        if status >= 300:
            again = status in _AGAIN
            raise ExportFailed(f"{self._url.netloc} answers {status}: {said}", again=again, retry_after_s=retry_after_s)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float, str]:
        """Return status, seconds to wait, and the beginning of what was answered."""
        fresh = self._connection is None
        connection = self._connection = self._connection or self._connect()
        try:
            connection.request("POST", self._path, body, dict(headers))
            response = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            if fresh:
                raise
            self.close()  # it was left unused for too long
            return self._post(body, headers)
        data = response.read(_MAX_ANSWER)
        if response.read(1):
            self.close()
        return response.status, _seconds(response.getheader("Retry-After")), _printable(data)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._context is not None:
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _path_of(url: SplitResult, path: str) -> str:
    """Return where to post to: below the URL's own path, unless that ends so already; its query stays."""
    base = url.path.rstrip("/")
    return (base if base.endswith(path) else base + path) + (f"?{url.query}" if url.query else "")


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as e:
        raise BadTarget(f"{ca}: {e}") from None


def _headers(path: Path | None) -> dict[str, str]:
    """Return the headers of a file, without which nothing is to be sent. Raises BadTarget."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_HEADERS).decode("ascii")
    except (OSError, UnicodeDecodeError) as e:
        raise BadTarget(f"{path}: {getattr(e, 'strerror', None) or 'not ASCII'}") from None
    lines = [line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not all(name.strip() and colon for name, colon, _ in lines):
        raise BadTarget(f"{path} has a line that is no header", remedy="write lines as Name: value")
    return {name.strip(): value.strip() for name, _, value in lines}


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 0), 0.0), _MAX_RETRY_S)
    except ValueError:
        return 0.0


def _printable(data: bytes) -> str:
    text = data[:200].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip()
