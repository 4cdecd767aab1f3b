"""A real network between an agent and a gateway, which can be cut: a namespace, and two ends of a virtual cable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Network:
    """Its far side is a namespace of its own; what runs there has the address `far`."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.near, self.far = f"10.213.{number}.1", f"10.213.{number}.2"
        self._ends = f"{name}n", f"{name}f"

    @property
    def within(self) -> list[str]:
        """What to put before a command that is to run on the far side."""
        return ["ip", "netns", "exec", self.name]

    def make(self) -> None:
        near, far = self._ends
        _ip("netns", "add", self.name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        _ip("addr", "add", f"{self.near}/30", "dev", near)
        _ip("-n", self.name, "addr", "add", f"{self.far}/30", "dev", far)
        _ip("link", "set", near, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        self.mend()

    def cut(self) -> None:
        """From now on whatever is sent is lost, and nobody is told."""
        _ip("-n", self.name, "link", "set", self._ends[1], "down")

    def mend(self) -> None:
        _ip("-n", self.name, "link", "set", self._ends[1], "up")

    def remove(self) -> None:
        subprocess.run(["ip", "link", "del", self._ends[0]], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def why_not() -> str:
    """Return why there can be no network here; "" when there can."""
    if not shutil.which("ip"):
        return "no ip command (apt-get install iproute2)"
    if os.geteuid() != 0:
        return "only root can make networks"
    probe = Network(f"fg{os.getpid() % 100_000}p", 254)
    try:
        probe.make()
    except (subprocess.CalledProcessError, OSError) as e:
        return f"no network namespaces here: {getattr(e, 'stderr', b'') or e}"
    finally:
        probe.remove()
    return ""


@contextmanager
def network() -> Iterator[Network]:
    """A network for a test; skips where none can be."""
    if why := why_not():
        pytest.skip(why)
    made = Network(f"fg{os.getpid() % 100_000}", os.getpid() % 250)
    try:
        made.make()
        yield made
    finally:
        made.remove()
