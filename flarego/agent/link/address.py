"""Where gateways are, and which of them to try next."""

from __future__ import annotations

import ipaddress
import random
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PORT = 4317
_NAMED = re.compile(
    r"(?:\[(?P<ip>[0-9A-Fa-f:.%a-z]{2,64})\]|(?P<host>[A-Za-z0-9._-]{1,253}))(?::(?P<port>\d{1,5}))?", re.ASCII
)


@dataclass(frozen=True)
class Gateway:
    """One that was named."""

    host: str
    port: int = PORT

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine for certain; what a name resolves to may change."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_gateway(text: str) -> Gateway:
    """Return what HOST, HOST:PORT or [IPv6]:PORT names. Raises ValueError with what would do."""
    found = _NAMED.fullmatch(text)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise ValueError("write HOST:PORT, as gateway.example:4317 or [fd00::7]:4317")
    return Gateway(found["ip"] or found["host"], port)


@dataclass(frozen=True)
class Address:
    """One of a gateway's addresses."""

    gateway: Gateway
    family: int
    at: tuple[Any, ...]

    def __str__(self) -> str:
        ip = str(self.at[0])
        return str(self.gateway) if ip == self.gateway.host else f"{self.gateway} ({ip})"


class Addresses:
    """Gives addresses one after another; those of a gateway that many share in an order of our own."""

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        self._gateways = list(gateways)
        random.shuffle(self._gateways)
        self._round: list[Address] = []

    @property
    def at_end(self) -> bool:
        """Whether every address was tried since names were looked up."""
        return not self._round

    def next(self) -> Address:
        """Return the next address; names are looked up anew in every round. Raises OSError when none is known."""
        if not self._round:
            self._round = self._look_up()
        return self._round.pop(0)

    def _look_up(self) -> list[Address]:
        found: list[Address] = []
        problem = OSError("no gateway is named")
        for gateway in self._gateways:
            try:
                infos = socket.getaddrinfo(gateway.host, gateway.port, type=socket.SOCK_STREAM)
            except OSError as e:
                problem = OSError(f"{gateway.host} cannot be found: {e.strerror or e}")
                continue
            addresses = list(dict.fromkeys(Address(gateway, info[0], info[4]) for info in infos))
            random.shuffle(addresses)
            found += addresses
        if not found:
            raise problem
        return found
