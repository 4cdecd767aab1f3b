"""How far a channel and its stream in Redis have told each other everything.

What is still to be written is no queue: it is what lies in the channel's log behind an index. So it is bounded as the
log is, survives Redis being away, and can begin anew when Redis has lost everything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flarego.gateway.channel import Channel
from flarego.gateway.redis.keys import Keys, keys_of
from flarego.gateway.redis.script import Appended, Outcome
from flarego.gateway.redis.segment import WHOLE

BACKLOG = 8 << 20
"""Bytes of one process that are still written when Redis has been away; what is older stays in memory only."""
NOTHING = "0-0"
"""Before the first entry of a stream."""
_FED_S = 2.0
_WANTED_S = 60.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written next."""

    messages: list[tuple[int, bytes]]
    """With their Data.sequence."""
    first: int
    last: int
    """Sequences of the first and last chunk; -1 when there are none."""
    number: int
    begins: bool
    next: int
    """The index of the packet after it."""
    info: bytes
    gone: bytes
    more: bool


@dataclass(eq=False)
class Link:
    """One channel's place in Redis."""

    channel: Channel
    keys: Keys = field(init=False)
    entry: str = NOTHING
    """The id of the last entry that was read or written."""
    index: int = 0
    """The next packet to write."""
    number: int = 0
    """The Data.sequence up to which all is in Redis."""
    size: int = 0
    """Bytes of the stream."""
    touched: float = 0.0
    """Since when something waits to be written; 0: nothing does."""
    more: bool = False
    """Whether there is more to write than what was written last."""
    skipped: int = 0
    """Packets that were too far back to be written."""
    _info: bytes = b""
    _gone: bytes = b""
    _fed: float = 0.0
    _wanted: float = 0.0

    def __post_init__(self) -> None:
        self.keys = keys_of(self.channel.namespace, self.channel.process, self.channel.epoch)

    def touch(self) -> None:
        """Something was taken here."""
        self._fed = time.monotonic()
        self.touched = self.touched or self._fed

    def want(self) -> None:
        """Somebody here looks at it."""
        self._wanted = time.monotonic()

    @property
    def wanted(self) -> bool:
        """Whether somebody here has looked at it lately."""
        return bool(self.channel.readers) or time.monotonic() < self._wanted + _WANTED_S

    @property
    def fed(self) -> bool:
        """Whether it comes through this gateway."""
        return time.monotonic() < self._fed + _FED_S

    def draft(self) -> Draft | None:
        """Return what is to be written next: packets of one generation; None when there is nothing."""
        channel, log = self.channel, self.channel.log
        first = self._begin()
        end, size = first, 0
        while end < log.end and (end == first or not log.begins(end)) and (not size or size < WHOLE):
            size += len(log[end].data)
            end += 1
        begins = first < end and log.begins(first)
        more = end < log.end
        packets = [log[index] for index in range(first, end)]
        messages = [(0, channel.info_data)] if begins or channel.info_data != self._info else []
        messages += [(packet.number, packet.data) for packet in packets]
        if not more and channel.gone_data and channel.gone_data != self._gone:
            messages.append((0, channel.gone_data))
        if not messages or (not packets and self.entry == NOTHING):
            return None
        return Draft(
            messages,
            packets[0].sequence if packets else -1,
            packets[-1].sequence if packets else -1,
            max(self.number, packets[-1].number if more else channel.last),
            begins,
            end,
            channel.info_data,
            self._gone if more else channel.gone_data,
            more,
        )

    def _begin(self) -> int:
        log = self.channel.log
        if self.index < log.begin or log.behind(self.index) > BACKLOG:
            first = max(log.begin, self.index, log.within(BACKLOG))
            self.skipped += first - max(self.index, log.begin)
            self.index = first
        return self.index

    def written(self, draft: Draft, reply: Appended) -> None:
        """Go on after what was written, or from where the script says."""
        log = self.channel.log
        if reply.outcome is Outcome.BEGIN:
            self.entry, self.number = NOTHING, 0
            self.index = log.within(BACKLOG)
            self.more = log.end > log.begin
        else:
            self._info, self._gone = draft.info, draft.gone
            self._went_on(draft, reply)
        self.touched = time.monotonic() if self.more or self._pending else 0.0

    def _went_on(self, draft: Draft, reply: Appended) -> None:
        if reply.outcome is Outcome.BEHIND:
            self.skip_to(reply.chunk)
            self.more = self.index < self.channel.log.end
            self.settle(int(reply.detail))
            return
        self.index, self.more = draft.next, draft.more
        if reply.outcome is Outcome.FULL:
            self.skipped += len(draft.messages)
        if reply.outcome is Outcome.WRITTEN:
            self.entry, self.size = reply.detail.decode(), reply.size
        self.settle(draft.number)

    @property
    def _pending(self) -> bool:
        """Whether something has come while the last was being written."""
        channel = self.channel
        told = channel.info_data == self._info and (not channel.gone_data or channel.gone_data == self._gone)
        return self.index < channel.log.end or not told

    def skip_to(self, chunk: int) -> None:
        """All up to the chunk of this sequence is in Redis."""
        log = self.channel.log
        self.index = max(self.index, log.begin)
        while self.index < log.end and log[self.index].sequence <= chunk:
            self.index += 1

    def settle(self, number: int) -> None:
        """All up to this Data.sequence is in Redis."""
        self.number = max(self.number, number)
        self.channel.settle(min(self.number, self.channel.last))
