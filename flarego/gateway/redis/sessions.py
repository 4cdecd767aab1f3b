"""Sessions of browsers in Redis, so that whoever is logged in at one gateway is at all.

One key a session, `flarego:{sessions}:HASH`, that ends by itself: the id of the token and until when. What could open
a session, the id in the cookie, is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from flarego.gateway.redis.store import RedisStore

_PREFIX = "flarego:{sessions}:"
_PUT = "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1"
_GET = "return redis.call('MGET', unpack(KEYS))"
_DELETE = "return redis.call('DEL', KEYS[1])"


class RedisShelf:
    """Keeps sessions where a store keeps everything else."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def put(self, key: str, text: str, seconds: int) -> bool:
        return await self._store.ask(lambda redis: redis.eval(_PUT, 1, _PREFIX + key, text, str(seconds))) is not None

    async def get(self, keys: Sequence[str]) -> Sequence[str | None] | None:
        named = [_PREFIX + key for key in keys]
        found = await self._store.ask(lambda redis: redis.eval(_GET, len(named), *named))
        if not isinstance(found, list) or len(found) != len(keys):
            return None
        return [text.decode(errors="replace") if isinstance(text, bytes) else None for text in found]

    async def delete(self, key: str) -> None:
        await self._store.ask(lambda redis: redis.eval(_DELETE, 1, _PREFIX + key))
