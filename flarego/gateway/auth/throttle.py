"""How often one address may be wrong."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from flarego.gateway.limits import LimitReached

BURST = 20
"""Failures at once."""
PER_S = 0.5
_MAX_ADDRESSES = 10_000


class Throttle:
    """Counts failures by address; of IPv6 by /64, which is what one customer has."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def failed(self, peer: str) -> None:
        """Count a failure. Raises LimitReached when there were too many."""
        key, now = _block(peer), self._clock()
        count, at = self._failures.pop(key, (0.0, now))
        count = max(0.0, count - (now - at) * PER_S)
        if count >= BURST:
            self._failures[key] = count, now
            raise LimitReached("too many failures to show who it is", (count - BURST + 1) / PER_S, limit="failures")
        self._failures[key] = count + 1, now
        while len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)


def _block(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else peer
