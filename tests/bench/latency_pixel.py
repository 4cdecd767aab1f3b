"""From an event to the pixel: a goroutine parks in a function of its own, Chromium paints it.

--apart 1: by way of an agent and a gateway.
"""

from __future__ import annotations

import random
import shutil
import statistics
import time

from playwright.sync_api import Page, sync_playwright
from targets import Target
from targets.generate import build_events

from bench.common import Attached, arguments, verdict
from bench.gateway import Apart

BAR_MS, AIM_MS = 500, 300
APART_BAR_MS = 600
# window.flarego is the page's hook for measurements (flarego/static/main.js).
WATCH = """name => {
  window.seen = new Promise(resolve => {
    const look = () => window.flarego.frames().some(frame => frame.name === name)
      ? requestAnimationFrame(now => resolve(performance.timeOrigin + now))
      : requestAnimationFrame(look);
    look();
  });
}"""


def main() -> None:
    options = arguments(__doc__, events=60, warmup=12.0, apart=0)
    chance = random.Random(1)
    with (
        Target(build_events(options.events)) as target,
        (Apart if options.apart else Attached)(target.pid) as attached,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(attached.url)
        time.sleep(options.warmup)
        latencies = []
        for number in range(options.events):
            time.sleep(chance.uniform(0.3, 1.0))
            latencies.append(_latency_ms(page, target, number))
        browser.close()
    latencies.sort()
    print(f"{len(latencies)} events: median {statistics.median(latencies):.0f} ms, worst {latencies[-1]:.0f} ms")
    p95 = statistics.quantiles(latencies, n=20)[-1]
    print(f"aim {AIM_MS} ms: " + ("met" if p95 <= AIM_MS else "missed"))
    verdict("event to pixel, 95th percentile", p95, APART_BAR_MS if options.apart else BAR_MS, "ms")


def _latency_ms(page: Page, target: Target, number: int) -> float:
    page.evaluate(WATCH, f"main.event{number}")
    began = time.time()
    target.ask(f"park {number}")
    painted_ms = float(page.evaluate("window.seen"))
    target.ask("free")
    return painted_ms - began * 1000


if __name__ == "__main__":
    main()
