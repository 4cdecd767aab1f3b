"""The Go sampler: the C core's rows, named by the binary's symbols, with the runtime's own series beside them."""

from __future__ import annotations

import socket
import struct
import time
from array import array
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flarego import native
from flarego.errors import PermissionRefused, ProcessGone
from flarego.golang import GoProcess
from flarego.golang.foreign import ForeignCode
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.definitions import Definitions
from flarego.model.frame import UNKNOWN, Frame
from flarego.samplers.base import Origin
from flarego.samplers.engine import why_not_better

GENERATION_NS = 30_000_000_000
PROCESSORS_NS = 1_000_000_000
_EXACT = 1 << 63
_ELIDED = (Frame("… frames left out …", "", 0),)
_WAIT_KINDS = ("", "channel", "semaphore", "cond", "poll", "timer")


def read_labels(data: bytes) -> dict[str, str]:
    """Return the labels that (u16 size, bytes) of key, value, key, value … stand for."""
    texts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "little")
        texts.append(data[at + 2 : at + 2 + size].decode("utf-8", "replace"))
        at += 2 + size
    return dict(zip(texts[::2], texts[1::2], strict=True))


class GoSampler:
    """Watches one Go process through `process`, which it closes when it stops."""

    def __init__(
        self,
        process: GoProcess,
        *,
        name: str,
        command: str,
        started: float,
        budget: float = 0.01,
        scan_hz: float = 0.0,
        oncpu_hz: float = 0.0,
        engine: str = "auto",
        process_id: str = "",
        labels: Mapping[str, str] | None = None,
        origin: Origin | None = None,
    ) -> None:
        """budget is a fraction of one core; a rate of 0 adapts to it. started is the target's start, Unix seconds.

        process_id: what it is called among all that are watched, when pid and start do not tell it apart.
        """
        self._process = process
        self._native = native.Sampler(
            process.memory,
            process.tables,
            process.layout,
            budget=budget,
            scan_hz=scan_hz,
            oncpu_hz=oncpu_hz,
            engine=engine,
        )
        self._native.set_system(process.system_starts)
        self.origin = origin or Origin.now()
        self._monotonic_epoch = self.origin.monotonic
        self._foreign = ForeignCode(process.pid)
        self._definitions = Definitions()
        self._generation, self._sequence = self.origin.generation, self.origin.sequence
        self._generation_end = self._processors_due = 0
        self._info = ProcessInfo(
            process=process_id or f"{process.pid}-{int(started * 100)}",
            pid=process.pid,
            name=name,
            command=command,
            host=socket.gethostname(),
            runtime="go",
            runtime_version=process.version,
            module=process.module,
            build_id=process.build_id,
            task="goroutine",
            reasons=tuple(process.reasons),
            engine=engine,
            engine_why="",
            epoch=self.origin.epoch,
            budget=budget,
            labels=labels or {},
        )

    @property
    def info(self) -> ProcessInfo:
        return self._info

    def start(self) -> None:
        self._native.start()

    def stop(self) -> None:
        self._native.stop()
        self._process.close()

    def renew(self) -> None:
        self._generation_end = 0

    def drain(self) -> Chunk:
        now = time.monotonic_ns() - self._monotonic_epoch
        new_generation = now >= self._generation_end
        if new_generation:
            self._begin_generation(now)
        try:
            drain = self._native.drain(new_generation=new_generation, epoch=self._monotonic_epoch)
            series, events = self._process.runtime.read(time.monotonic_ns())
            processors = self._processors(now)
            waits = self._waits(drain["waits"])
        except ProcessLookupError:
            raise ProcessGone(f"process {self._info.pid} has exited") from None
        except PermissionError:
            raise PermissionRefused(
                f"process {self._info.pid} may no longer be read",
                remedy="did it change its user? attach as root",
            ) from None
        self._note_engine(drain)
        return self._chunk(drain, series, events, processors, waits)

    def _begin_generation(self, now: int) -> None:
        self._definitions = Definitions()
        self._generation += 1
        self._generation_end = now + GENERATION_NS

    def _processors(self, now: int) -> list[dict[str, Any]]:
        if now < self._processors_due:
            return []
        self._processors_due = now + PROCESSORS_NS
        return self._process.runtime.processors()

    def _note_engine(self, drain: native.Drain) -> None:
        why = why_not_better(drain["engine"], drain["perf_errno"], drain["ptrace_errno"], drain["sees_kernel"])
        if (drain["engine"], why) != (self._info.engine, self._info.engine_why):
            self._info = replace(self._info, engine=drain["engine"], engine_why=why)

    def _chunk(
        self,
        drain: native.Drain,
        series: Mapping[str, float],
        events: list[dict[str, Any]],
        processors: list[dict[str, Any]],
        waits: list[dict[str, Any]],
    ) -> Chunk:
        self._sequence += 1
        names = self._definitions
        locations = names.locations(map(self._frames, array("Q", drain["locations"])))
        groups = [self._group(*words) for words in struct.iter_unpack("<4Q", drain["groups"])]
        nodes = {"parent": drain["nodes_parent"], "location": drain["nodes_location"]}
        frames = names.take_frames()
        counts = {f"goroutines.{state}": float(n) for state, n in drain["counts"].items()}
        return Chunk(
            process=self._info.process,
            generation=self._generation,
            sequence=self._sequence,
            start=max(drain["start"] - self._monotonic_epoch, 0),
            end=drain["end"] - self._monotonic_epoch,
            strings=names.take_strings(),
            frames=frames,
            locations=locations,
            nodes=nodes if drain["nodes_parent"] else {},
            groups=groups,
            rows=drain["rows"] if drain["rows"]["node"] else {},
            members=drain["members"],
            series=counts | dict(series),
            events=[self._event(event) for event in events],
            waits=waits,
            processors=processors,
            sampler={"engine": drain["engine"], "budget": self._info.budget} | drain["sampler"],
        )

    def _frames(self, pc: int) -> tuple[Frame, ...]:
        if pc == 1:
            return _ELIDED
        address = pc & ~_EXACT
        frames = self._process.symbols.frames(address, exact=bool(pc & _EXACT))
        return frames if frames != (UNKNOWN,) else (self._foreign.frame(address),)

    def _group(self, gopc: int, startpc: int, labels: int, system: int) -> dict[str, Any]:
        symbols, number = self._process.symbols, self._definitions.frame
        entry = symbols.entry(startpc) if startpc else None
        created = gopc and not (entry and entry.function == "runtime.main")  # that one begins with the program
        return {
            "created_by": number(symbols.creation(gopc)) if created else -1,
            "entry": number(entry) if entry else -1,
            "labels": read_labels(self._native.labels(labels)),
            "system": bool(system),
        }

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Events come with Unix times; chunks count from the epoch."""
        return event | {"at": event["at"] - self._info.epoch}

    def _waits(self, waits: list[tuple[int, int, int, int, int, int]]) -> list[dict[str, Any]]:
        if not waits:
            return []
        names = dict(enumerate(self._info.reasons))
        objects = self._process.objects.describe(
            [(_WAIT_KINDS[kind], address, names.get(reason, "")) for kind, address, _, _, reason, _ in waits]
        )
        return [
            {
                "kind": _WAIT_KINDS[kind],
                "address": f"{address:#x}",
                "count": count,
                "longest": longest,
                "reason": reason,
                "node": node,
            }
            | ({"object": about} if about else {})
            for (kind, address, count, longest, reason, node), about in zip(waits, objects, strict=True)
        ]
