"""Logs: a line of text or of JSON an event, on stderr. What could control a terminal is escaped, secrets struck out.

Nothing of ours logs a secret; but a library's exception may quote an address or a header, and this is the last gate.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time

_STRUCK = "[secret]"
_SECRETS = re.compile(
    r"flg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"  # ours
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # JWTs
    r"|(?<=[?&]token=)[^&\s\"']+"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user:password@host
)
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def redact(text: str) -> str:
    """Return the text without what looks like a secret."""
    return _SECRETS.sub(_STRUCK, text)


class TextFormatter(logging.Formatter):
    """2026-11-24T03:17:54Z warning flarego.gateway.hub: what happened"""

    def format(self, record: logging.LogRecord) -> str:
        level, name = record.levelname.lower(), record.name
        text = f"{_time(record)} {level} {name}: {escaped(redact(_message(record)))}"
        extras = "".join(f" {key}={escaped(redact(str(value)))}" for key, value in _extras(record).items())
        return text + extras


class JsonFormatter(logging.Formatter):
    """One JSON object an event."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(_message(record)),
        }
        return json.dumps(entry | {key: redact(str(value)) for key, value in _extras(record).items()})


def set_up(style: str = "text", level: str = "info") -> None:
    """Log to stderr, in text or json. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells at length of every stranger's bad request
    logging.getLogger("flarego").setLevel(level.upper())


def escaped(text: str) -> str:
    """Return the text on one line: a name that a stranger chose must not make lines, or colours, of its own."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    return f"{text}\n{logging.Formatter().formatException(record.exc_info)}" if record.exc_info else text


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _KNOWN}


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{record.msecs:03.0f}Z"
