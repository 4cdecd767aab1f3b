"""The page over a long time: how busy its main thread is, its longest tasks, and whether its heap stays flat.

`python -m bench.page_live [--minutes 30] [--stacks 2000] [--history 920]` in tests/. Chunks come five a second. The
history is sent first, so that what the page keeps (15 minutes) is full before the heap is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

from aiohttp import web
from browser.conftest import CHROMIUM
from browser.synthetic import Source, application, live, many
from playwright.async_api import CDPSession, Page, async_playwright

PREFIX = "/under/a/prefix/"
SAMPLE_S = 20
MIB = 1 << 20
LONG_MS = 50
UNTIL = """(sequence) => new Promise((done) => {
  const look = () => (globalThis.flarego?.painted().sequence >= sequence ? done(null) : setTimeout(look, 500));
  look();
})"""


class Tasks:
    """What the main thread of the page did, task by task, from the browser's trace.

    Tasks are measured in CPU time as well: on a machine that is busy otherwise a task of 5 ms may take 60.
    """

    def __init__(self, session: CDPSession) -> None:
        self.session = session
        self._events: list[dict[str, Any]] = []
        self._done = asyncio.Event()
        session.on("Tracing.dataCollected", lambda sent: self._events.extend(sent["value"]))
        session.on("Tracing.tracingComplete", lambda _: self._done.set())

    async def start(self) -> None:
        self._events.clear()
        self._done.clear()
        config = {"includedCategories": ["toplevel"]}
        await self.session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})

    async def stop(self) -> list[tuple[float, float]]:
        """Milliseconds of every task: on the clock, and of CPU."""
        await self.session.send("Tracing.end")
        await self._done.wait()
        named = [event for event in self._events if event["name"] == "thread_name"]
        threads = {(event["pid"], event["tid"]) for event in named if event["args"]["name"] == "CrRendererMain"}
        return [
            (event["dur"] / 1e3, event.get("tdur", 0) / 1e3)
            for event in self._events
            if event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in threads and "dur" in event
        ]


async def heap(session: CDPSession) -> float:
    """What the page holds on to, MiB: JavaScript and array buffers after a collection."""
    await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / MIB


async def painted(page: Page) -> int:
    return int(await page.evaluate("flarego.painted().sequence"))


async def watch(page: Page, session: CDPSession, tasks: Tasks, minutes: float) -> None:
    """Measures until the time is up; what the collections cost is not the page's own doing and left out."""
    print(
        f"{'min':>6} {'heap MiB':>9} {'busy':>7} {'chunks':>7} {'> 50 ms':>8} {'> 50 ms CPU':>12} {'longest CPU':>12}"
    )
    started, samples, seconds, everything, all_chunks = time.monotonic(), [], [], [], 0
    while time.monotonic() - started < minutes * 60:
        first, began = await painted(page), time.monotonic()
        await tasks.start()
        await asyncio.sleep(SAMPLE_S)
        seconds.append(time.monotonic() - began)
        done, chunks = await tasks.stop(), await painted(page) - first
        samples.append(((time.monotonic() - started) / 60, await heap(session)))
        everything += done
        all_chunks += chunks
        row = (*samples[-1], *figures(done, chunks, seconds[-1]))
        print("{:6.1f} {:9.1f} {:>7} {:7} {:8} {:12} {:9.0f} ms".format(*row), flush=True)
    slope = statistics.linear_regression(*zip(*samples, strict=True)).slope if len(samples) > 1 else 0.0
    share, _, _, long, longest = figures(everything, all_chunks, sum(seconds))
    print(f"heap {samples[0][1]:.1f} to {samples[-1][1]:.1f} MiB in {samples[-1][0]:.0f} min, {slope:+.3f} MiB/min")
    print(f"main thread busy {share} at {all_chunks / sum(seconds):.1f} chunks/s")
    print(f"{long} tasks of more than {LONG_MS} ms CPU, the longest {longest:.0f} ms")


def figures(tasks: list[tuple[float, float]], chunks: int, seconds: float) -> tuple[str, int, int, int, float]:
    """Share of a core, chunks, long tasks by the clock and by CPU time, the longest of those in ms."""
    spent = sum(cpu for _, cpu in tasks) / 1e3
    by_clock, by_cpu = (sum(task[i] > LONG_MS for task in tasks) for i in (0, 1))
    return f"{spent / seconds:.1%}", chunks, by_clock, by_cpu, max((cpu for _, cpu in tasks), default=0)


async def run(minutes: float, stacks: int, history: float) -> None:
    async def play(socket: web.WebSocketResponse) -> None:
        await live(socket, Source(kinds=many(stacks)), history)

    runner = web.AppRunner(application(play), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"http://{host}:{port}{PREFIX}")
        session = await page.context.new_cdp_session(page)
        tasks = Tasks(await browser.new_browser_cdp_session())
        began = time.monotonic()
        await page.evaluate(UNTIL, history * 5 - 10)
        print(f"{history:.0f} s of history in {time.monotonic() - began:.0f} s")
        await asyncio.sleep(5)
        await watch(page, session, tasks, minutes)
        await browser.close()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--stacks", type=int, default=2000)
    parser.add_argument("--history", type=float, default=920)
    options = parser.parse_args()
    asyncio.run(run(options.minutes, options.stacks, options.history))


if __name__ == "__main__":
    main()
