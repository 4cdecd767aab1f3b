"""What a generation has been told: strings and frames numbered in the order they are first used."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from flarego.model.frame import Frame

_INLINED, _INTERNAL = 1, 2


class Definitions:
    """Numbers strings and frames of one generation, and hands over what is new since it was last asked."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {"": 0}
        self._frames: dict[tuple[str, str, int, bool, bool], int] = {}
        self._new_strings: list[str] = [""]
        self._new_frames: list[Frame] = []

    def string(self, text: str) -> int:
        number = self._strings.get(text)
        if number is None:
            number = self._strings[text] = len(self._strings)
            self._new_strings.append(text)
        return number

    def frame(self, frame: Frame) -> int:
        key = (frame.function, frame.file, frame.line, frame.inlined, frame.internal)
        number = self._frames.get(key)
        if number is None:
            number = self._frames[key] = len(self._frames)
            self._new_frames.append(frame)
        return number

    def locations(self, stacks: Iterable[Iterable[Frame]]) -> Mapping[str, bytes]:
        """Return the columns that define one location for each run of frames, outermost first."""
        counts, numbers = bytearray(), array("I")
        for frames in stacks:
            before = len(numbers)
            numbers.extend(self.frame(frame) for frame in frames)
            counts.append(len(numbers) - before)
        return {"count": bytes(counts), "frame": numbers.tobytes()} if counts else {}

    def take_frames(self) -> Mapping[str, bytes]:
        """Return the columns of the frames that are new; call before take_strings."""
        new, self._new_frames = self._new_frames, []
        if not new:
            return {}
        return {
            "function": array("I", [self.string(f.function) for f in new]).tobytes(),
            "file": array("I", [self.string(f.file) for f in new]).tobytes(),
            "line": array("I", [max(f.line, 0) for f in new]).tobytes(),
            "flags": bytes(_INLINED * f.inlined | _INTERNAL * f.internal for f in new),
        }

    def take_strings(self) -> list[str]:
        new, self._new_strings = self._new_strings, []
        return new
