"""Processes to watch, as they come and go: found once a second, looking closely only at what is new."""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flarego.agent.find import Found, build_info, describe, may_be_read, names_of, pids
from flarego.errors import FlareError

SCAN_S = 1.0
YOUNG_S = 10.0
"""What was first seen so recently is looked at in every scan: shells and container runtimes become other programs."""
TURNS = 8
"""Everything else is looked at once in so many scans."""


@dataclass(frozen=True)
class Selection:
    """Which processes are meant."""

    pids: Sequence[int] = ()
    names: Sequence[str] = ()
    all: bool = False

    @property
    def is_open(self) -> bool:
        """Whether processes that do not run yet may be meant."""
        return self.all or bool(self.names)

    def means(self, found: Found) -> bool:
        """Return whether the process is meant; a pattern has to fit its name, or its program's, as a whole."""
        if self.all or found.pid in self.pids:
            return True
        return any(fnmatch.fnmatchcase(name, pattern) for name in names_of(found) for pattern in self.names)


class _State(Enum):
    OTHER = "other"
    """Not Go, or not meant."""
    UNREADABLE = "unreadable"
    OFFERED = "offered"


@dataclass
class _Known:
    """What was last decided about a pid, and for which program."""

    program: tuple[int, int]
    first_seen: float
    state: _State


class Discovery:
    """Scans /proc for the processes of a selection."""

    def __init__(self, selection: Selection, clock: Callable[[], float] = time.monotonic) -> None:
        self._selection = selection
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._scans = 0

    @property
    def unreadable(self) -> int:
        """How many processes that are meant, or may be, this user may not look at."""
        return sum(known.state is _State.UNREADABLE for known in self._known.values())

    def check(self) -> None:
        """Raise NoSuchProcess for a pid of the selection that there is not."""
        for pid in self._selection.pids:
            describe(pid)

    def forget(self, pid: int) -> None:
        """Look at that process as if it were new: it ended, runs another program, or should be offered again."""
        self._known.pop(pid, None)

    def scan(self) -> Iterator[Found]:
        """Yield the processes to watch that are new since the scan before."""
        self._scans += 1
        now, present = self._clock(), self._present()
        for pid in self._known.keys() - present:
            del self._known[pid]
        for pid in present:
            known = self._known.get(pid)
            if known and now - known.first_seen > YOUNG_S and pid % TURNS != self._scans % TURNS:
                continue
            if (found := self._look(pid, known, now)) is not None:
                yield found

    def _present(self) -> set[int]:
        if self._selection.is_open:
            return set(pids())
        return {pid for pid in self._selection.pids if Path(f"/proc/{pid}").exists()}

    def _look(self, pid: int, known: _Known | None, now: float) -> Found | None:
        program = _program(pid)
        if known is not None and known.program == program:
            return None
        state, found = self._judge(pid)
        self._known[pid] = _Known(program, now, state)
        return found if state is _State.OFFERED else None

    def _judge(self, pid: int) -> tuple[_State, Found | None]:
        try:
            try:
                info = build_info(pid)
            except PermissionError:
                meant = self._selection.means(describe(pid))
                return (_State.UNREADABLE if meant else _State.OTHER), None
            if info is None:
                return _State.OTHER, None
            found = describe(pid)
            if not self._selection.means(found):
                return _State.OTHER, None
            return (_State.OFFERED if may_be_read(pid) else _State.UNREADABLE), found
        except (FlareError, OSError):
            return _State.OTHER, None


def _program(pid: int) -> tuple[int, int]:
    """Return what tells programs apart: (device, inode) of the executable; zeros when that is hidden."""
    try:
        status = os.stat(f"/proc/{pid}/exe")  # noqa: PTH116
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
