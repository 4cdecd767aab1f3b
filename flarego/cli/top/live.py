"""One asyncio program: the sampler is drained, the picture is painted, keys are heard; nobody waits for another."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from flarego.agent.pump import Pump
from flarego.cli.terminal.screen import Screen
from flarego.cli.top.app import App
from flarego.cli.top.book import Book
from flarego.errors import FlareError
from flarego.gateway.hub import Hub
from flarego.model.chunk import Gone, Message
from flarego.samplers.base import Sampler

REPAINT_S = 0.5
_COST_POINTS = 10
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def show(book: Book, hub: Hub | None, mode: str, sampler: Sampler | None, duration: float | None) -> str:
    """Show the book until somebody quits or the time is over; return what to say afterwards."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in _ENDS:
        loop.add_signal_handler(number, stop.set)
    saver = Saver(hub) if hub else None
    painter = Painting(book, stop, saver, mode)
    pump = asyncio.ensure_future(_pump(sampler, book, hub)) if sampler else None
    try:
        with painter.screen:
            loop.add_signal_handler(signal.SIGTSTP, painter.suspend)
            await _run(painter, pump, stop, duration)
    finally:
        if pump:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if saver:
            await saver.finish()
        for number in (*_ENDS, signal.SIGTSTP):
            loop.remove_signal_handler(number)
    return saver.said if saver else ""


async def _pump(sampler: Sampler, book: Book, hub: Hub | None) -> Gone:
    def publish(message: Message) -> None:
        if hub:
            hub.publish(message)
        book.hear(message)

    return await Pump(sampler, publish).run()


async def _run(
    painter: Painting, pump: asyncio.Future[Gone] | None, stop: asyncio.Event, duration: float | None
) -> None:
    """Paint until the end. Raises what the pump raises: a bug of ours is not to look like a quiet target."""
    end = time.monotonic() + duration if duration else None
    while not stop.is_set() and (end is None or time.monotonic() < end):
        if pump and pump.done():
            pump.result()
            pump = None
        painter.refresh()
        try:
            async with asyncio.timeout(REPAINT_S):
                await stop.wait()
        except TimeoutError:
            continue


class Painting:
    """Paints the newest picture twice a second, and at once after a key."""

    def __init__(self, book: Book, stop: asyncio.Event, saver: Saver | None, mode: str) -> None:
        self._book, self._saver = book, saver
        self._app = App(stop.set, self._save if saver else None, mode)
        self.screen = Screen(self._key, self._paint)
        self._spent: deque[tuple[float, float]] = deque(maxlen=_COST_POINTS)
        self._at = -1

    def refresh(self) -> None:
        """Show what is new."""
        self._note_cost()
        if self._saver and self._saver.news:
            self._app.message, self._saver.news = self._saver.news, ""
        if not self._app.paused and (self._book.at != self._at or self._book.gone):
            self._at = self._book.at
            self._app.see(self._book.picture())
        self._paint()

    def _key(self, key: str) -> None:
        if key == "redraw":
            self.screen.forget()
        self._app.key(key)
        self._paint()

    def _paint(self) -> None:
        self.screen.show(self._app.lines(*self.screen.size))

    def _save(self) -> None:
        if self._saver:
            self._app.message = "saving …"
            self._saver.start(self.refresh)

    def suspend(self) -> None:
        """Stop as Ctrl-Z asks; go on when the shell says so."""
        self.screen.suspend()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.screen.resume()
        self._paint()

    def _note_cost(self) -> None:
        """CPU time of this whole process: sampling, understanding, painting."""
        self._spent.append((time.monotonic(), time.process_time()))
        (begin, before), (end, after) = self._spent[0], self._spent[-1]
        self._app.cost = (after - before) / (end - begin) if end > begin else 0.0


class Saver:
    """Saves what the hub keeps as a clip in the current folder, beside everything else."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._task: asyncio.Task[None] | None = None
        self.news = ""
        """What there is to say, until somebody has said it."""
        self.said = ""

    def start(self, then: Callable[[], None]) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._save(then))

    async def _save(self, then: Callable[[], None]) -> None:
        try:
            path = await asyncio.to_thread(save, self._hub)
            self.news = self.said = f"saved {path} ({path.stat().st_size / 1e6:.1f} MB)"
        except FlareError as e:
            self.news = f"not saved: {e.message}"
        except OSError as e:
            self.news = f"not saved: {e.strerror or e}"
        then()

    async def finish(self) -> None:
        if self._task:
            await self._task


def save(hub: Hub) -> Path:
    """Write everything the hub keeps into a new clip, and return where it is. Raises FlareError, OSError."""
    from flarego.gateway.clips import write_history

    history = hub.history()
    if history is None:
        raise FlareError("there is nothing yet")
    handle, partial = tempfile.mkstemp(prefix=".flarego-", suffix=".fgo", dir=".")
    try:
        with os.fdopen(handle, "wb") as file:
            name = write_history(history, None, None, file)
        if name is None:
            raise FlareError("there is nothing yet")
        mask = os.umask(0)
        os.umask(mask)
        Path(partial).chmod(0o666 & ~mask)
        path = _free(Path(name))
        Path(partial).rename(path)
        return path
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _free(path: Path) -> Path:
    """Return the path, or one like it, that nothing is at."""
    number, free = 2, path
    while free.exists():
        number, free = number + 1, path.with_stem(f"{path.stem}-{number}")
    return free
