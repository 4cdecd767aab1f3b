"""Where things lie in Redis. All keys of a namespace have one hash tag, so that in a cluster they share a slot.

`…:processes`             sorted set: ids of processes, by when they were last heard of (ms)
`…:process:ID`            hash: who it is, and how far its stream goes (see script.py)
`…:stream:ID:EPOCH`       stream: its segments (see segment.py)
`…:starts:ID:EPOCH`       sorted set: ids of the entries that begin a generation, by the bytes written before them
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one process of a namespace, watched since an epoch."""

    process: str
    stream: str
    starts: str
    processes: str


def namespace_key(namespace: str) -> str:
    """Return what the keys of a namespace begin with."""
    return f"flarego:{{{namespace}}}"


def processes_key(namespace: str) -> str:
    return f"{namespace_key(namespace)}:processes"


def process_key(namespace: str, process: str) -> str:
    return f"{namespace_key(namespace)}:process:{process}"


def keys_of(namespace: str, process: str, epoch: int) -> Keys:
    """Return the keys of a process."""
    tag = namespace_key(namespace)
    return Keys(
        process_key(namespace, process),
        f"{tag}:stream:{process}:{epoch}",
        f"{tag}:starts:{process}:{epoch}",
        processes_key(namespace),
    )
