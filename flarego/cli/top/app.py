"""What is on the screen, and what keys do to it. Knows no terminal: keys come by name, lines go out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flarego.cli.terminal.paint import Line, Span, spread
from flarego.cli.top.book import Picture
from flarego.cli.top.flames import FlameView
from flarego.cli.top.groups import Groups
from flarego.cli.top.header import HEIGHT, header
from flarego.cli.top.help import help_lines
from flarego.cli.top.waits import Waits


class View(Protocol):
    """One of the views below the header."""

    @property
    def hint(self) -> str:
        """Its own keys, in a few words."""
        ...

    def key(self, key: str) -> bool:
        """Act on a key. False for one that means nothing here."""
        ...

    def lines(self, picture: Picture, pattern: str, width: int, height: int) -> list[Line]: ...


_NAMES = ("groups", "flame", "waits")


class App:
    """The state of the screen."""

    def __init__(self, on_quit: Callable[[], None], on_save: Callable[[], None] | None, mode: str = "LIVE") -> None:
        """on_save: None when there is nothing to save."""
        self._on_quit, self._on_save, self._mode = on_quit, on_save, mode
        self._groups = Groups()
        self._views: tuple[View, ...] = (self._groups, FlameView(), Waits())
        self._at = 0
        self._pattern = ""
        self._typing = False
        self._help = False
        self._live: Picture | None = None
        self._frozen: Picture | None = None
        self.message = ""
        """Said in the last line until the next key."""
        self.cost = 0.0
        """Of everything we do, as a fraction of one core."""

    @property
    def paused(self) -> bool:
        return self._frozen is not None

    def see(self, picture: Picture | None) -> None:
        """Take the newest picture; it is shown unless another is frozen."""
        self._live = picture

    def key(self, key: str) -> None:
        self.message = ""
        if self._typing:
            self._type(key)
        elif self._help:
            self._help = False
            if key == "q":
                self._on_quit()
        elif not self._views[self._at].key(key):
            self._act(key)

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self._typing = False
            if key == "escape":
                self._pattern = ""
        elif key == "backspace":
            self._pattern = self._pattern[:-1]
        elif key == "clear":
            self._pattern = ""
        elif len(key) == 1:
            self._pattern += key

    def _act(self, key: str) -> None:
        match key:
            case "q":
                self._on_quit()
            case "1" | "2" | "3":
                self._at = int(key) - 1
            case "f":
                self._at = 0 if self._at == 1 else 1
            case "tab":
                self._at = (self._at + 1) % len(self._views)
            case "back tab":
                self._at = (self._at - 1) % len(self._views)
            case "/":
                self._typing = True
            case "escape":
                self._pattern = ""
            case " " | "p":
                self._frozen = None if self._frozen else self._live
            case "w" if self._on_save:
                self._on_save()
            case "w":
                self.message = "this is a clip already"
            case "?" | "h":
                self._help = True

    def lines(self, width: int, height: int) -> list[Line]:
        """Return what the screen should show."""
        picture = self._frozen or self._live
        if picture is None:
            return [[Span("flarego top", "bold"), Span("  waiting for the first scan", "dim")]]
        mode = "PAUSED" if self._frozen else "ENDED" if picture.gone else self._mode
        room = max(height - HEIGHT - 2, 1)
        lines = [*header(picture, mode, self.cost, width), [Span("─" * width, "dim")]]
        body = help_lines() if self._help else self._views[self._at].lines(picture, self._pattern, width, room)
        lines += [*body[:room], *([[]] * (room - len(body)))]
        return [*lines, self._footer(picture, width)]

    def _footer(self, picture: Picture, width: int) -> Line:
        if self._typing:
            return [
                Span("/", "bold"),
                Span(self._pattern),
                Span(" ", "reverse"),
                Span("  enter keeps it, esc clears it", "dim"),
            ]
        if self.message:
            return [Span(self.message, "bold yellow")]
        if picture.gone:
            return spread([Span(picture.gone, "bold red")], [Span(" the picture stays; q quits", "dim")], width)
        names: list[Span] = []
        for at, name in enumerate(_NAMES):
            names += [Span(f" {at + 1} {name} ", "reverse" if at == self._at else ""), Span(" ")]
        pause = "p resume" if self._frozen else "p pause"
        keys = f"{self._views[self._at].hint}  {pause}  w save  / filter  ? help"
        if self._pattern:
            keys = f"{pause}  / change  esc clear  ? help"
        filtered = [Span(f"/{self._pattern}", "bold yellow"), Span("  ")] if self._pattern else []
        return spread([*names, *filtered], [Span(keys.strip(), "dim")], width)
