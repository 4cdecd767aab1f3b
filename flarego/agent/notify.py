"""What systemd is told of a service of Type=notify: sd_notify(3), over the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Tells systemd; without one, nobody."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self._said = ""
        own = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environ.get("WATCHDOG_USEC", "") if own else ""
        self.watchdog_s = int(period) / 2e6 if period.isdigit() else 0.0
        """Seconds between signs of life; 0: none is expected."""

    def ready(self) -> None:
        self._send("READY=1")

    def alive(self) -> None:
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say how it is, when that has changed."""
        if text != self._said:
            self._said = text
            self._send("STATUS=" + text.replace("\n", " "))

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=sending what is left")

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # systemd is busy, or gone: not our trouble
                self._socket.sendto(text.encode(), self._address)
