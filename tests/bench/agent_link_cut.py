"""The network between agent and gateway is cut for a minute, twenty times: every chunk arrives once, spool bounded.

A real network: the gateway runs in a namespace of its own, at the far end of a virtual cable whose end is taken down.
Now and then the cut is so long that connections die, and so short that they do not. Needs root.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from agent.gateways import Real, Watching, free_port, until
from agent.network import Network, why_not
from agent.test_agent import ask
from agent.test_cut import metric
from targets import Target

from bench.common import FLAREGO, arguments, table, verdict
from flarego.model.chunk import Chunk, Gap

SPOOL = 8 << 20


def main() -> None:
    options = arguments(__doc__, cuts=20, seconds=60.0, between=10.0, goroutines=2000)
    if why := why_not():
        sys.exit(why)
    network = Network("fgcut", 251)
    network.make()
    try:
        with tempfile.TemporaryDirectory() as folder, Target("churn", "-n", options.goroutines) as target:
            _run(network, Path(folder), target.pid, options.cuts, options.seconds, options.between)
    finally:
        network.remove()


def _run(network: Network, folder: Path, pid: int, cuts: int, seconds: float, between: float) -> None:
    retention = str(int(cuts * (seconds + between) + 600))
    gateway = Real(folder, "--insecure", "--retention", retention, host=network.far, within=network.within)
    gateway.start()
    health = free_port()
    command = [*FLAREGO, "agent", "--pid", str(pid), *gateway.reach, "--plaintext", "--health", f"127.0.0.1:{health}",
               "--spool-memory", str(SPOOL)]  # fmt: skip
    agent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: ask(health, "/readyz")[0] == 200, "readiness")
        rows = [_cut(network, health, agent.pid, n, seconds, between) for n in range(cuts)]
        last, resent = metric(health, "sequence"), metric(health, "resent_total")
        lost = metric(health, "lost_chunks_total")
        found = _sequences(gateway, last)
    finally:
        agent.terminate()
        agent.wait()
        gateway.kill()
    table(
        ("cut", "spool at its end, KB", "empty after, s", "RSS MB"),
        [(n, f"{peak / 1e3:,.0f}", f"{took:.1f}", f"{rss:.1f}") for n, (peak, took, rss) in enumerate(rows, 1)],
    )
    holes = sum(later - earlier - 1 for earlier, later in pairwise(found))
    print(f"{len(found):,} chunks in {cuts} cuts of {seconds:g} s; {resent:,.0f} sent again")
    verdict("chunks that did not arrive", holes + lost, 0, "chunks")
    verdict("chunks that arrived twice", len(found) - len(set(found)), 0, "chunks")
    verdict("most in the spool", max(row[0] for row in rows) / 1e6, SPOOL / 1e6, "MB")


def _cut(network: Network, health: int, pid: int, n: int, seconds: float, between: float) -> tuple[float, float, float]:
    """Return how much was in the spool, how long it took to empty, and the agent's memory in MB."""
    network.cut()
    time.sleep(seconds)
    peak, began = metric(health, "spool_bytes"), time.monotonic()
    network.mend()
    until(lambda: metric(health, "lag_seconds") < 1, "an empty spool", seconds=60)
    took = time.monotonic() - began
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    time.sleep(between * (0.5 + n % 3 / 2))
    return peak, took, pages * 4096 / 1e6


def _sequences(gateway: Real, last: float) -> list[int]:
    """Return the numbers of the chunks that the gateway has kept, in the order in which it shows them."""
    found: list[int] = []
    watching = Watching(gateway, since_s=1e6)

    def enough(message: object) -> bool:
        assert not isinstance(message, Gap)
        if isinstance(message, Chunk):
            found.append(message.sequence)
        return bool(found) and found[-1] >= last

    watching.until(enough)
    watching.close()
    return found


if __name__ == "__main__":
    main()
