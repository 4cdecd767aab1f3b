"""A list that is scrolled and in which one line is selected; the selection stays with its line, not its place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1}
_ENDS = {"home": 0, "g": 0, "end": -1, "G": -1}


class Cursor:
    """Which line is selected, by what identifies it."""

    def __init__(self) -> None:
        self.chosen: Hashable = None
        self._keys: Sequence[Hashable] = ()
        self._offset = 0
        self._height = 1

    @property
    def at(self) -> int:
        """Its number; 0 when what was selected is gone."""
        try:
            return self._keys.index(self.chosen)
        except ValueError:
            return 0

    @property
    def selected(self) -> Hashable:
        """What is selected of what there is now; None when there is nothing."""
        return self._keys[self.at] if self._keys else None

    def fit(self, keys: Sequence[Hashable], height: int) -> range:
        """Take the lines that there are now, and return which of them to show."""
        self._keys, self._height = keys, max(height, 1)
        at = self.at
        self._offset = min(self._offset, at, max(len(keys) - self._height, 0))
        self._offset = max(self._offset, at - self._height + 1, 0)
        return range(self._offset, min(self._offset + self._height, len(keys)))

    def key(self, key: str) -> bool:
        """Move. False for a key that does not."""
        if key in _STEPS:
            self._move(self.at + _STEPS[key])
        elif key in ("page up", "page down"):
            self._move(self.at + (self._height if key == "page down" else -self._height))
        elif key in _ENDS:
            self._move(len(self._keys) - 1 if _ENDS[key] else 0)
        else:
            return False
        return True

    def _move(self, at: int) -> None:
        if self._keys:
            self.chosen = self._keys[max(0, min(at, len(self._keys) - 1))]
