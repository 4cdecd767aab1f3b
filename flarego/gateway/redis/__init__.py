"""Several gateways that keep together, in Redis or Valkey, what each of them takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from flarego.gateway.hub import Hub
from flarego.gateway.redis.connect import Address
from flarego.gateway.redis.counts import families
from flarego.gateway.redis.store import RedisStore
from flarego.wire.prometheus import Registry


def new_store(
    hub: Hub, registry: Registry, url: str, user: str | None = None, password_file: Path | None = None,
    ca: Path | None = None,
) -> RedisStore:  # fmt: skip
    """Return the store of a hub, which is to be started; the registry tells of it. Raises BadAddress."""
    store = RedisStore(hub, Address(url, user, password_file, ca))
    registry.collect(partial(families, store))
    return store
