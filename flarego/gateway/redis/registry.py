"""The processes that all gateways together know, and how much each of them may keep in Redis."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from flarego.errors import FlareError
from flarego.gateway.channel import Listed
from flarego.gateway.redis.connect import Client
from flarego.gateway.redis.keys import process_key, processes_key
from flarego.gateway.redis.script import Keep
from flarego.gateway.retention import Bounds
from flarego.model.chunk import ProcessInfo
from flarego.wire.codec import decode

_MAX_LISTED = 10_000
_FIELDS = ("info", "first_seen", "seen", "gone", "goroutines", "size")


class Registry:
    """Lists the processes of namespaces, and shares out what a namespace may keep among them."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._shares: dict[str, int] = {}

    def keep(self, namespace: str) -> Keep:
        """Return how much of each process of a namespace is kept."""
        return Keep(self._bounds.seconds, self._shares.get(namespace, self._bounds.process))

    async def list(self, client: Client, namespace: str) -> Sequence[Listed]:
        """Return the processes of a namespace that were heard of lately."""
        oldest = int((time.time() - self.keep(namespace).ttl_s) * 1000)
        await client.zremrangebyscore(processes_key(namespace), "-inf", oldest)
        names = await client.zrevrange(processes_key(namespace), 0, _MAX_LISTED - 1)
        if not names:
            return ()
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.hmget(process_key(namespace, name.decode("utf-8", "replace")), *_FIELDS)
        found = [_listed(dict(zip(_FIELDS, fields, strict=True))) for fields in await pipeline.execute()]
        self._share(namespace, sorted(size for _, size in found))
        return [listed for listed, _ in found if listed is not None]

    def _share(self, namespace: str, sizes: Sequence[int]) -> None:
        """Let small ones have what they need, and the others the same each of what is left."""
        left, share = self._bounds.namespace, self._bounds.process
        for done, size in enumerate(sizes):
            fair = left // (len(sizes) - done)
            if size > fair:
                share = min(share, fair)
                break
            left -= size
        self._shares[namespace] = share


def _listed(fields: Mapping[str, bytes | None]) -> tuple[Listed | None, int]:
    """Return a process as it is described in Redis, and its bytes there; None when that is not right."""
    try:
        info = decode(fields["info"] or b"")
        if not isinstance(info, ProcessInfo):
            return None, 0
        first, last = (int(fields[name] or 0) / 1000 for name in ("first_seen", "seen"))
        gone = (fields["gone"] or b"").decode("utf-8", "replace")[:1000]
        return Listed(info, first, last, gone, int(fields["goroutines"] or 0)), int(fields["size"] or 0)
    except (FlareError, ValueError):
        return None, 0
