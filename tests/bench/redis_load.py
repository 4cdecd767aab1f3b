"""The load of gateway_load, kept in Redis as well: what that costs, and how much it is there.

    python -m bench.redis_load [--agents 200 --rate 5 --kilobytes 20 --subscribers 50 --minutes 1]
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from gateway.redis.servers import Server
from redis import Redis

from bench.common import arguments, cpu_seconds
from bench.gateway import Running
from bench.gateway_load import Options, load


def main() -> None:
    given = arguments(__doc__, agents=200, rate=5.0, kilobytes=20, subscribers=50, minutes=1.0)
    options = Options(given.agents, given.rate, given.kilobytes, given.subscribers)
    bounds = ("--retention-bytes", "1GiB", "--retention-namespace-bytes", "1GiB")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder)).start()
        try:
            with Running(*bounds, "--redis", server.url) as running:
                asyncio.run(load(running, options, given.minutes * 60))
                assert server.process is not None
                used = cpu_seconds(server.process.pid) / (given.minutes * 60)
                memory = Redis(port=server.port).info("memory")["used_memory"]
                print(f"Redis: {used:.0%} of a core, {memory >> 20} MiB")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
