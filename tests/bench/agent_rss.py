"""What `flarego agent` takes: memory (RSS of the whole process) and CPU, watching 2,000 and 10,000 goroutines.

Plain and with TLS, against the real gateway; the target's goroutines are parked, some wake ten times a second.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trustme
from agent.gateways import Real
from targets import Target

from bench.common import FLAREGO, arguments, cpu_seconds, table, verdict

BARS_MB = {2000: 30.0, 10_000: 60.0}
BAR_CPU = 1.0
WARM_UP_S = 6.0


def main() -> None:
    options = arguments(__doc__, seconds=40.0, active=100)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            (goroutines, mode, *_measured(Path(folder), goroutines, options.active, mode, options.seconds))
            for goroutines in BARS_MB
            for mode in ("plain", "TLS")
        ]
    table(("goroutines", "link", "RSS MB", "peak MB", "CPU % of a core"),
          [(n, mode, f"{rss:.1f}", f"{peak:.1f}", f"{cpu:.2f}") for n, mode, rss, peak, cpu in rows])  # fmt: skip
    for goroutines, bar in BARS_MB.items():
        for mode in ("plain", "TLS"):
            peak = next(row[3] for row in rows if row[:2] == (goroutines, mode))
            verdict(f"RSS at {goroutines:,} goroutines, {mode}", peak, bar, "MB")
    verdict("CPU at 2,000 goroutines", rows[0][4], BAR_CPU, "% of a core")


def _measured(folder: Path, goroutines: int, active: int, mode: str, seconds: float) -> tuple[float, float, float]:
    """Return RSS at the end, its peak (MB of 10^6 bytes), and CPU in per cent of a core."""
    place = folder / f"{goroutines}-{mode}"
    place.mkdir()
    serve, trust = _tls(place) if mode == "TLS" else ([], [])
    gateway = Real(place, *serve)
    gateway.start()
    try:
        with Target("many", "-n", goroutines, "-active", active) as target:
            command = [*FLAREGO, "agent", "--pid", str(target.pid), *gateway.reach, *trust]
            agent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                time.sleep(WARM_UP_S)
                cpu, began = cpu_seconds(agent.pid), time.monotonic()
                time.sleep(seconds)
                cpu = 100 * (cpu_seconds(agent.pid) - cpu) / (time.monotonic() - began)
                status = dict(line.split(":", 1) for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines())
                rss, peak = (int(status[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
                return rss, peak, cpu
            finally:
                agent.terminate()
                agent.wait()
    finally:
        gateway.kill()


def _tls(folder: Path) -> tuple[Sequence[str], Sequence[str]]:
    """Return the options of a gateway, and of an agent that trusts it."""
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    server = str(folder / "server.pem")
    return ["--tls-cert", server, "--tls-key-file", server], ["--ca", str(folder / "ca.pem")]


if __name__ == "__main__":
    main()
