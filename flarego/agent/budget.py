"""How many bytes all spools together may have in memory."""

from __future__ import annotations

from collections.abc import Collection

from flarego.agent.spool import Spool


def trim(spools: Collection[Spool], memory: int) -> None:
    """Let the largest spools give up their oldest generations, until all fit."""
    while sum(spool.size for spool in spools) > memory:
        if not max(spools, key=lambda spool: spool.size).give_up():
            return
