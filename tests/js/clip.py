"""Writes a clip of a synthetic process to standard output: `python clip.py SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser.synthetic import Source, messages

from flarego.wire.clip import ClipWriter
from flarego.wire.codec import decode


def main() -> None:
    writer = ClipWriter(sys.stdout.buffer)
    for packed in messages(Source(), float(sys.argv[1])):
        message = decode(packed)
        assert message is not None
        writer.write(message)
    writer.close()


if __name__ == "__main__":
    main()
