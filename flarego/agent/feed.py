"""One process's messages on their way to the gateway: encoded, packed, numbered, kept until they are safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event
from typing import Any

from flarego.agent.entry import Kind
from flarego.agent.spool import Spool
from flarego.model.chunk import Chunk, Gap, Gone, Message, Notice, ProcessInfo
from flarego.samplers.base import Origin
from flarego.wire.codec import encode
from flarego.wire.envelope import Encoding
from flarego.wire.packing import Packer

LEAST = 512
"""Bytes; what is smaller is not packed."""


class Feed:
    """What is told of one process. `publish` belongs to the thread that watches, all else to the one that sends."""

    def __init__(
        self, spool: Spool, wake: Callable[[], None], packer: Packer | None, origin: Origin | None = None
    ) -> None:
        """wake is called when there is something to send. Without a packer nothing is packed."""
        self.origin = origin
        """From where its sampler counts; None when nobody has to know."""
        self.spool = spool
        self.info: ProcessInfo | None = None
        self.over = ""
        """Why nothing more comes; "" while it does."""
        self.is_gone = False
        """Whether that is because the process is."""
        self.last_end = 0
        """Of the last chunk, ns since the epoch."""
        self.delivered = Event()
        """Set when nothing more comes, and the gateway has it all."""
        self.namespace = ""
        """Where the gateway put it; "" before it said so."""
        self.taken = 0
        """Chunks."""
        self.taken_bytes = 0
        self.sampler: Mapping[str, Any] = {}
        """What the sampler said of itself last."""
        self.sent = self.resent = 0
        """The greatest number sent, and how many were sent again."""
        self._wake = wake
        self._packer = packer
        self._generation = origin.generation if origin else -1
        self._chunk = origin.sequence if origin else 0

    @property
    def process(self) -> str:
        return self.info.process if self.info else ""

    @property
    def reached(self) -> Origin | None:
        """Where its sampler is now."""
        return self.origin and replace(self.origin, generation=self._generation, sequence=self._chunk)

    def publish(self, message: Message) -> None:
        """Take a message of the sampler."""
        match message:
            case ProcessInfo():
                known, self.info = self.info, message
                if known not in (None, message):  # else Hello says it
                    self._put(Kind.INFO, encode(message))
            case Chunk():
                kind = Kind.CHUNK if message.generation == self._generation else Kind.HEAD
                self._generation, self._chunk = message.generation, message.sequence
                self.last_end = message.end
                data = encode(message)
                self.taken += 1
                self.sampler = message.sampler
                self.taken_bytes += len(data)
                self._put(kind, data)
            case Gone():
                self._put(Kind.GONE, encode(message))
                self.over = message.why
            case Gap() | Notice():
                return
        self._wake()

    def end(self, why: str) -> None:
        """Nothing more comes, though the process goes on."""
        self.over = self.over or why
        self._wake()

    def note_sent(self, sequence: int) -> None:
        """Count a message that goes out."""
        if sequence > self.sent:
            self.sent = sequence
        else:
            self.resent += 1

    def _put(self, kind: Kind, data: bytes) -> None:
        packed = self._packer.pack(data) if self._packer is not None and len(data) >= LEAST else data
        encoding = Encoding.RAW if packed is data else Encoding.ZSTD
        self.spool.put(kind, self._generation, packed, encoding, len(data))
