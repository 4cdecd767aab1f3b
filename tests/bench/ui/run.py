"""How fast flame graphs are: ours, the real component, beside d3-flame-graph and speedscope, in one run.

`python -m bench.ui.run [--frames 100000 500000] [--repeat 3] [--with d3,speedscope]` in tests/. A step is over when
the frame after it is painted; `nothing` is the floor. Where there is no GPU times are upper bounds, to be compared
within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from browser.conftest import CHROMIUM
from browser.synthetic import STATIC
from playwright.async_api import Browser, CDPSession, Page, async_playwright

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "ui"
PACKAGES = ("d3-flame-graph@5.0.0", "d3-selection@3.0.0", "esbuild@0.28.1", "speedscope@1.25.0")
STEPS = ("first", "zoom", "reset", "search", "update")
BARS = {100_000: {"first": 80, "zoom": 16, "update": 40}, 500_000: {"first": 150, "zoom": 40, "update": 60}}
HEAP_MB = 100
FPS = {100_000: 55}
SEARCH = "Lock|serve1\\d+"
FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
GL_FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
TIMEOUT_MS = 240_000


def prepare(frames: list[int], others: set[str]) -> None:
    """Make the data, and install what is compared with if it is to be."""
    CACHE.mkdir(parents=True, exist_ok=True)
    missing = [str(n) for n in frames if not (CACHE / "data" / f"{n}.speedscope.json").exists()]
    if missing:
        subprocess.run(["node", HERE / "generate.mjs", CACHE / "data", *missing], check=True)
    if others and not (CACHE / "d3.bundle.js").exists():
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES], cwd=CACHE, check=True
        )
        (CACHE / "d3.js").write_text(
            'export { default as flamegraph } from "d3-flame-graph";\nexport { select } from "d3-selection";\n'
        )
        bundle = ["npx", "esbuild", "d3.js", "--bundle", "--format=esm", "--outfile=d3.bundle.js", "--log-level=error"]
        subprocess.run(bundle, cwd=CACHE, check=True)


async def serve() -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_static("/static", STATIC)
    app.router.add_static("/cache", CACHE)
    app.router.add_static("/data", CACHE / "data")
    app.router.add_get("/d3.bundle.js", lambda _: _file(CACHE / "d3.bundle.js"))
    app.router.add_static("/", HERE)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


async def _file(path: Path) -> web.FileResponse:
    return web.FileResponse(path)


async def busy(session: CDPSession) -> float:
    """CPU milliseconds of the main thread so far: what a step costs however busy the machine is otherwise."""
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return 1e3 * float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


async def heap(page: Page) -> float:
    """What the page holds on to, MB: JavaScript and array buffers after a collection."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


async def measure(browser: Browser, base: str, adapter: str, frames: int) -> dict[str, float]:
    """Milliseconds of every step of one adapter, its heap after the first, and how it takes ten updates a second."""
    name, _, extra = adapter.partition("?")
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    await page.goto(f"{base}/bench.html?adapter={name}&n={frames}&{extra}")
    await page.wait_for_function("globalThis.bench")
    await page.evaluate("bench.load()")
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    out: dict[str, float] = {}
    for step in STEPS:
        options = [SEARCH] if step == "search" else [0] if step == "update" else []
        before = await busy(session)
        out[step] = await page.evaluate("([step, options]) => bench.step(step, ...options)", [step, options])
        out[f"{step} cpu"] = await busy(session) - before
        if step == "first":
            out["heap"] = await heap(page)
    live = await page.evaluate("bench.live(10, 5)")
    out |= {
        "fps": live["fps"],
        "applied": live["applied"],
        "worst": live["worst"],
        **await page.evaluate("bench.about()"),
    }
    await page.close()
    return out


async def speedscope(browser: Browser, base: str, frames: int) -> dict[str, float]:
    """Milliseconds from asking for the profile until speedscope stands still with it."""
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    profile = f"{base}/data/{frames}.speedscope.json"
    await page.goto(
        f"{base}/cache/node_modules/speedscope/dist/release/index.html#profileURL={profile}", wait_until="commit"
    )
    out = {"first": await page.evaluate(SETTLED), "heap": await heap(page)}
    await page.keyboard.press("2")
    await page.wait_for_timeout(1000)
    for step, key in (("zoom", "+"), ("reset", "0")):
        await page.keyboard.press(key)
        out[step] = await page.evaluate(STEADY)
    await page.close()
    return out


SETTLED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let calm = 0, last = performance.now();
  for (;;) {
    await frame();
    const now = performance.now();
    const text = document.body.innerText;
    calm = now - last < 45 && /Left Heavy/.test(text) && !/Loading/.test(text) ? calm + 1 : 0;
    last = now;
    if (calm > 5) return now;
  }
}"""
STEADY = """async () => {
  const start = performance.now();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""


async def repeated(times: int, once: Callable[[], Awaitable[dict[str, float]]]) -> dict[str, float]:
    """The medians of several runs."""
    runs = [await once() for _ in range(times)]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def line(name: str, frames: int, found: dict[str, Any]) -> str:
    cells = [f"{found[step]:.0f} ({found.get(f'{step} cpu', 0):.0f})" if step in found else "" for step in STEPS]
    live = f"{found['fps']:.0f} / {found['applied']:.1f} / {found['worst']:.0f}" if "fps" in found else ""
    return f"| {name} | {frames} | " + " | ".join([*cells, f"{found['heap']:.0f}", live]) + " |"


def judge(frames: int, found: dict[str, float]) -> list[str]:
    bars = [(step, found[step], bar, "ms", found[step] <= bar) for step, bar in BARS.get(frames, {}).items()]
    bars.append(("heap", found["heap"], HEAP_MB, "MB", found["heap"] <= HEAP_MB))
    if frames in FPS:
        bars.append(("live", found["fps"], FPS[frames], "fps", found["fps"] >= FPS[frames]))
    return [
        f"{frames} frames, {what}: {value:.0f} of {bar} {unit}: {'met' if met else 'MISSED'}"
        for what, value, bar, unit, met in bars
    ]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[100_000, 500_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--with", dest="others", default="d3,speedscope", help="d3,speedscope or nothing at all")
    options = parser.parse_args()
    others = set(filter(None, options.others.split(",")))
    prepare(options.frames, others)
    runner, base = await serve()
    verdicts: list[str] = []
    print("| ms (CPU of the main thread) | frames | " + " | ".join((*STEPS, "heap MB", "fps / updates / worst gap |")))
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for frames in options.frames:
            adapters = ["nothing", "flarego", *(["d3?least=1"] if "d3" in others else [])]
            for adapter in adapters:
                found = await repeated(options.repeat, lambda a=adapter, n=frames: measure(browser, base, a, n))
                print(line(adapter, frames, found), flush=True)
                if adapter == "flarego":
                    verdicts += judge(frames, found)
                    verdicts.append(
                        f"{frames} frames: {json.dumps({k: round(found[k]) for k in ('frames', 'drawn', 'intake')})}"
                    )
        await browser.close()
        if "speedscope" in others:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=GL_FLAGS)
            for frames in options.frames:
                found = await repeated(1, lambda n=frames: speedscope(browser, base, n))
                print(line("speedscope (software GL)", frames, found), flush=True)
            await browser.close()
    await runner.cleanup()
    print("\n".join(verdicts))


if __name__ == "__main__":
    asyncio.run(main())
