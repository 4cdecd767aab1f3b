"""The spool's directory: what of each process is on disk, and enough to go on where an agent before us ended.

A process that is watched again by the next agent keeps its epoch and its numbers, so that a gateway sees one process
that was not looked at for a while, and keeps its history. That is possible because CLOCK_MONOTONIC is the same for
both, and the id of a process is of this boot. An agent that was killed could not note the last numbers: they are
bounded by the time since it last did, and the next one goes on after that.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import msgpack

from flarego.agent.shelf import Shelf
from flarego.agent.spool import Spool
from flarego.agent.telling import INTERVAL_S
from flarego.errors import BadSettings, FlareError
from flarego.model.chunk import ProcessInfo
from flarego.samplers.base import Origin
from flarego.wire.codec import decode, encode

_PROCESS = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_STATE = "state"
_MAX_STATE = 1 << 20
_LEAST_GENERATION_S = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """Where an agent was with one process."""

    info: bytes
    monotonic: int
    """CLOCK_MONOTONIC ns of the epoch."""
    generation: int
    chunk: int
    """Sequence of the last chunk."""
    end: int
    """Of it, ns since the epoch."""
    sequence: int
    """The number given last."""
    acknowledged: int
    at: float
    """CLOCK_MONOTONIC seconds when this was true."""
    clean: bool
    """Whether nothing came after it."""


@dataclass(frozen=True)
class Left:
    """What an agent before us left of one process."""

    info: ProcessInfo
    origin: Origin
    """Where its sampler may go on."""
    sequence: int
    acknowledged: int
    end: int
    """Of the last chunk, ns since the epoch."""
    clean: bool
    shelf: Shelf


class Store:
    """A directory that is ours alone."""

    def __init__(self, folder: Path) -> None:
        """Raises BadSettings."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._left = {
                path.name: path for path in folder.iterdir() if _PROCESS.fullmatch(path.name) and path.is_dir()
            }
        except BlockingIOError:
            raise BadSettings(
                f"another agent keeps its spool in {folder}", remedy="name another with --spool"
            ) from None
        except OSError as e:
            raise BadSettings(f"the spool {folder} cannot be used: {e.strerror}", remedy="see --spool") from None

    def take(self, process: str) -> Left | None:
        """Return what is left of a process, once; None when that is nothing, or cannot be gone on with."""
        path = self._left.pop(process, None)
        return self._read(path) if path is not None else None

    def rest(self) -> Iterator[Left]:
        """Yield what nobody has taken. What is of no use is removed."""
        for process in list(self._left):
            if (left := self.take(process)) is not None:
                yield left

    def shelf(self, process: str) -> Shelf:
        """Return the shelf of a process that is new. Raises OSError."""
        return Shelf(self._folder / process)

    def save(self, process: str, state: State) -> None:
        """Note where we are with a process."""
        path = self._folder / process / _STATE
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_bytes(msgpack.packb(asdict(state)))
            partial.rename(path)
        except OSError as e:
            _log.warning("the spool on disk takes nothing: %s", e.strerror or e)

    def remove(self, process: str) -> None:
        """Keep nothing of a process."""
        with suppress(OSError):
            Shelf(self._folder / process).remove()

    def _read(self, path: Path) -> Left | None:
        try:
            shelf = Shelf(path)
            state = _state((path / _STATE).read_bytes()[:_MAX_STATE])
            info = decode(state.info)
        except (OSError, ValueError, TypeError, FlareError):
            self.remove(path.name)
            return None
        if not isinstance(info, ProcessInfo) or info.process != path.name:
            self.remove(path.name)
            return None
        missed = 0.0 if state.clean else max(0.0, time.monotonic() - state.at) + 1
        chunks = math.ceil(1.25 * missed / INTERVAL_S)
        origin = Origin(
            info.epoch,
            state.monotonic,
            state.generation + math.ceil(missed / _LEAST_GENERATION_S),
            state.chunk + chunks,
        )
        return Left(info, origin, state.sequence + 2 * chunks, state.acknowledged, state.end, state.clean, shelf)


def state_of(info: ProcessInfo, reached: Origin, spool: Spool, *, end: int, clean: bool) -> State:
    """Return the state to save; `reached` has the numbers used last."""
    return State(
        info=encode(info),
        monotonic=reached.monotonic,
        generation=reached.generation,
        chunk=reached.sequence,
        end=end,
        sequence=spool.sequence,
        acknowledged=spool.acknowledged,
        at=time.monotonic(),
        clean=clean,
    )


def _state(data: bytes) -> State:
    """Raises ValueError, TypeError."""
    found = msgpack.unpackb(data, max_map_len=100, strict_map_key=True)
    if not isinstance(found, Mapping):
        raise ValueError("no state")
    state = State(**{field.name: found[field.name] for field in fields(State) if field.name in found})
    numbers = (state.monotonic, state.generation, state.chunk, state.end, state.sequence, state.acknowledged)
    if not all(type(number) is int and 0 <= number < 1 << 62 for number in numbers) or type(state.at) is not float:
        raise ValueError("a state that makes no sense")
    return state
