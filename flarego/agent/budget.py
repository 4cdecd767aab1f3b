"""How many bytes all spools together may have."""

from __future__ import annotations

from collections.abc import Collection

from flarego.agent.spool import Spool


def trim(spools: Collection[Spool], memory: int, disk: int) -> None:
    """Let the largest spools move or give up their oldest generations, until all fit."""
    while sum(spool.size for spool in spools) > memory:
        if not max(spools, key=lambda spool: spool.size).make_room():
            break
    while sum(spool.stored for spool in spools) > disk:
        if not max(spools, key=lambda spool: spool.stored).give_up():
            break
