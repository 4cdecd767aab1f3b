"""Mutated frames of agents' streams, through everything they pass: deframing, envelopes, unpacking, decoding, the hub.

Only typed errors may come out, what is taken can be read by a viewer, and nothing takes longer than it may.

    python tests/fuzz/fuzz_ingest.py [--runs N] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from wire.streams import INFO, Source

from flarego.errors import FlareError
from flarego.gateway.hub import Hub
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.retention import Bounds
from flarego.model.chunk import Chunk, Gone, ProcessInfo
from flarego.wire.codec import BadMessage, decode, encode
from flarego.wire.envelope import Bye, Data, Encoding, Hello, decode_agent, encode_agent
from flarego.wire.grpc import Deframer, frame
from flarego.wire.packing import Packer, Unpacker
from fuzz.fuzz_formats import mutate

LIMIT = 1 << 20
MAX_S = 5.0
"""No frame may take longer, on whatever machine this runs."""
FRESH = 2_000
"""After so many frames the hub is a new one."""


def seeds() -> list[bytes]:
    """Return frames that are right."""
    source, packer = Source(seed=5), Packer()
    messages = [
        encode(INFO),
        *(encode(source.chunk(filling=n)) for n in (0, 40, 200)),
        encode(Gone(INFO.process, 1, "x")),
    ]
    source.begin_generation()
    messages.append(encode(source.chunk(filling=10)))
    said = [encode_agent(Hello(messages[0], "default", (1,), "agent", "1")), encode_agent(Bye("done"))]
    for n, message in enumerate(messages, 1):
        said.append(encode_agent(Data(n, message, Encoding.RAW, len(message))))
        said.append(encode_agent(Data(n, packer.pack(message), Encoding.ZSTD, len(message))))
    return [frame(one) for one in said] + messages


class Gateway:
    """What an agent's frames pass, without sockets."""

    def __init__(self) -> None:
        self.hub, self.pyramid = Hub(Bounds(60, 1 << 20, 2 << 20, 4 << 20)), Pyramid(8 << 20)
        self.hub.taps.append(self.pyramid)
        self.hub.publish(INFO)
        self.unpacker = Unpacker()
        self.taken = 0

    def feed(self, data: bytes) -> None:
        """Take a frame, or a message as it is. Raises FlareErrors only."""
        for message in Deframer(LIMIT).feed(data):
            self.say(message)
        self.publish(data)

    def say(self, data: bytes) -> None:
        message = decode_agent(data)
        if isinstance(message, Hello):
            decode(message.process)
        elif isinstance(message, Data):
            self.publish(self.unpacker.unpack(message.payload, message.encoding, message.raw_size, LIMIT))

    def publish(self, raw: bytes) -> None:
        message = decode(raw)
        if not isinstance(message, ProcessInfo | Chunk | Gone) or message.process != INFO.process:
            raise BadMessage("not of this stream")
        self.hub.publish(message, data=raw)
        self.taken += 1

    def read(self) -> None:
        """See to it that what was taken can be read again."""
        with self.hub.subscribe(60) as subscriber:
            while (data := subscriber.take()) is not None:
                assert decode(data) is not None


def fuzz(runs: int, seed: int) -> int:
    """Return how many messages were taken. Raises whatever is no typed error."""
    chance, right = random.Random(seed), seeds()
    gateway, taken = Gateway(), 0
    for run in range(runs):
        data = chance.choice(right)
        if run % 50:
            data = mutate(data, chance)
        began = time.monotonic()
        try:
            gateway.feed(data)
        except FlareError:
            pass
        except Exception:
            print(f"run {run} of seed {seed}: {data!r}", file=sys.stderr)
            raise
        assert time.monotonic() - began < MAX_S, f"run {run} of seed {seed} took too long"
        if run % FRESH == FRESH - 1 or run == runs - 1:
            gateway.read()
            taken += gateway.taken
            gateway = Gateway()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    began = time.monotonic()
    taken = fuzz(given.runs, given.seed)
    print(f"{given.runs:,} frames in {time.monotonic() - began:.0f} s, {taken:,} taken; seed {given.seed}")


if __name__ == "__main__":
    main()
