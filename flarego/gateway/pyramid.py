"""What comes is added up as it comes, so that a quarter of an hour is folded as fast as a second.

A tap of the hub: one track a process (query/track.py), all of them together within a bound. What is over it is given
up where it costs least: first the small blocks of old runs, then whole tracks, whose spans are then folded from their
chunks, slowly.
"""

from __future__ import annotations

from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.query.track import Track
from flarego.model.chunk import Chunk

PYRAMID_BYTES = 256 << 20
_SHARE = 8
"""What is added up takes an eighth of what the hub may keep, at most; it is a twentieth as a rule."""


class Pyramid:
    """Adds up the chunks of every process the hub has, within `limit` bytes."""

    def __init__(self, limit: int = PYRAMID_BYTES) -> None:
        self._limit = limit
        self._tracks: dict[Channel, Track] = {}
        self._sizes: dict[Channel, int] = {}
        self.size = 0
        """Bytes in all, about."""
        self.given_up = 0
        """Tracks that were too much."""

    @classmethod
    def beside(cls, hub: Hub) -> Pyramid:
        """Return one that taps a hub, in proportion to what that may keep."""
        pyramid = cls(hub.bounds.total // _SHARE)
        hub.taps.append(pyramid)
        return pyramid

    def track(self, channel: Channel) -> Track | None:
        """Return what is added up of a process; None when it has to be folded from its chunks."""
        track = self._tracks.get(channel)
        return None if track is None or track.lost else track

    def met(self, channel: Channel) -> None:
        """Nothing to do before there are chunks."""

    def took(self, channel: Channel, chunk: Chunk, data: bytes) -> None:
        """Add the chunk that is the last in the channel's log."""
        track = self._tracks.get(channel)
        if track is None:
            track = self._tracks[channel] = Track()
        if track.runs and track.runs[0].last <= channel.log.begin:
            track.trim(channel.log.begin)
        if not track.lost and track.add(chunk, channel.log.end - 1):
            self._weigh(channel, track)
            self._keep_within()

    def trimmed(self, channel: Channel, generation: int) -> None:
        """Forget the generations before this one."""
        if (track := self._tracks.get(channel)) is not None:
            track.trim(channel.log.begin)
            self._weigh(channel, track)

    def dropped(self, channel: Channel) -> None:
        """Forget a process."""
        self._tracks.pop(channel, None)
        self.size -= self._sizes.pop(channel, 0)

    def _weigh(self, channel: Channel, track: Track) -> None:
        size = track.size
        self.size += size - self._sizes.get(channel, 0)
        self._sizes[channel] = size

    def _keep_within(self) -> None:
        while self.size > self._limit:
            channel = max(self._sizes, key=self._sizes.__getitem__)
            track = self._tracks[channel]
            if not track.thin():
                if track.lost:
                    return  # nothing is left to give up
                track.give_up()
                self.given_up += 1
            self._weigh(channel, track)
