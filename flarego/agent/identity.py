"""What makes the ids of an agent and of processes unique in a fleet."""

from __future__ import annotations

import os
import socket
import zlib
from functools import cache
from pathlib import Path

from flarego.agent.find import Found


@cache
def machine() -> str:
    """Return 8 hexadecimal digits that stand for this boot of this host, and the pids we see."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = space = ""
    return f"{zlib.crc32(f'{boot} {space} {socket.gethostname()}'.encode()):08x}"


def process_id(found: Found) -> str:
    """Return what no other process has: pid, start (clock ticks since boot), machine."""
    return f"{found.pid}-{found.start_time}-{machine()}"


def agent_id() -> str:
    """Return what this agent is called."""
    return f"{socket.gethostname()}/{os.getpid()}-{machine()}"
