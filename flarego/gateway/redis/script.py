"""The one way a segment gets into Redis: a script, so that of two gateways that both hold the same chunk one writes it.

The hash of a process says how far its stream goes: `epoch`, `chunk` (sequence of the last chunk), `number` (the
Data.sequence up to which all is there), `entry` (id of the last entry), `bytes` (ever written), `size` (there now),
`first_seen`, `seen` (ms), `goroutines`, `gone`, `info` (its process message).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha1
from typing import Any

from flarego.gateway.redis.keys import Keys
from flarego.gateway.redis.segment import Segment

APPEND = """
local process, stream, starts, processes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, id, first, last, number, begins = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6] == '1'
local raw, data, keep_ms, keep_bytes, ttl = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local info, gone, goroutines = ARGV[12], ARGV[13], ARGV[14]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local known = redis.call('HMGET', process, 'epoch', 'chunk', 'number', 'bytes')
if known[1] and known[1] ~= epoch then
    if tonumber(known[1]) > tonumber(epoch) then return {'old', '0', '0', '0'} end
    redis.call('DEL', process)
    known = {false, false, false, false}
end
local there = known[1] and redis.call('EXISTS', stream) == 1
if there and first >= 0 and tonumber(known[2]) >= first then return {'behind', known[2], known[3], '0'} end
if not there and not begins then return {'begin', '0', '0', '0'} end
if first < 0 then last = known[2] end

local written = there and tonumber(known[4]) or 0
local function begun(entry) return tonumber(string.match(entry, '^%d+')) end
local oldest = redis.call('ZRANGE', starts, 0, 1, 'WITHSCORES')
while oldest[3] and (begun(oldest[3]) < now - keep_ms or written + #data - oldest[4] > keep_bytes) do
    redis.call('XTRIM', stream, 'MINID', oldest[3])
    redis.call('ZREM', starts, oldest[1])
    oldest = redis.call('ZRANGE', starts, 0, 1, 'WITHSCORES')
end
if not begins and written + #data - (oldest[2] or 0) > keep_bytes then return {'full', '0', '0', '0'} end

local entry = redis.call('XADD', stream, '*', 'n', raw, 'd', data)
if begins then redis.call('ZADD', starts, string.format('%.0f', written), entry) end
written = written + #data
local begin = redis.call('ZRANGE', starts, 0, 0, 'WITHSCORES')
local size = string.format('%.0f', written - (begin[2] or 0))
redis.call('HSET', process, 'epoch', epoch, 'chunk', last, 'number', number, 'entry', entry,
    'bytes', string.format('%.0f', written), 'size', size, 'seen', now, 'goroutines', goroutines,
    'gone', gone, 'info', info)
redis.call('HSETNX', process, 'first_seen', now)
redis.call('ZADD', processes, now, id)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ttl) end
return {'written', last, entry, size}
"""
N_KEYS = 4
APPEND_SHA = sha1(APPEND.encode(), usedforsecurity=False).hexdigest()


class Outcome(StrEnum):
    """What became of a segment."""

    WRITTEN = "written"
    BEHIND = "behind"
    """What it begins with is there already: another gateway wrote it."""
    BEGIN = "begin"
    """There is no stream, so what is written has to begin with a generation."""
    FULL = "full"
    """The generation in progress alone is more than may be kept: no more of it is taken."""
    OLD = "old"
    """The process has been watched anew, and that is there."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What the script says."""

    outcome: Outcome
    chunk: int
    """The sequence of the last chunk that is there."""
    detail: bytes
    """WRITTEN: the id of the entry. BEHIND: the Data.sequence up to which all is there."""
    size: int
    """Bytes of the stream."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a stream is kept."""

    seconds: float
    size: int

    @property
    def ttl_s(self) -> int:
        """After which nothing is left of a process of which nothing comes."""
        return int(self.seconds) + 60


def arguments(keys: Keys, epoch: int, process: str, segment: Segment, keep: Keep) -> list[Any]:
    """Return the script's keys and arguments."""
    return [
        keys.process, keys.stream, keys.starts, keys.processes,
        epoch, process, segment.first, segment.last, segment.number, int(segment.begins),
        segment.raw_size, segment.data, int(keep.seconds * 1000), keep.size, keep.ttl_s,
        segment.info, segment.gone, segment.goroutines,
    ]  # fmt: skip


def appended(reply: Any) -> Appended:
    """Return what a reply of the script says. Raises ValueError when it is none."""
    if not isinstance(reply, list) or len(reply) != 4:
        raise ValueError("the script answered something else")
    outcome, chunk, detail, size = reply
    return Appended(Outcome(outcome.decode()), int(chunk), bytes(detail), int(size))
