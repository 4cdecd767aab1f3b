"""Everything the query API describes, asked in every way schemathesis can think of: no 5xx, answers as described.

    python tests/fuzz/fuzz_api.py --runs 2000

The gateway listens in this process; what is asked of it goes through its port.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import schemathesis
from gateway.query.programs import INFO, Program
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from flarego.gateway.query.openapi import document
from flarego.gateway.server import Gateway

MAX_QUERY = 6000
"""Characters. A longer request line is refused before anybody reads it, in plain text."""


@dataclass(frozen=True)
class Served:
    url: str
    token: str


@contextmanager
def served() -> Iterator[Served]:
    """A gateway with a program in it, on a loop of its own."""
    ready, done, loops = threading.Event(), asyncio.Event(), list[asyncio.AbstractEventLoop]()
    gateway = Gateway("127.0.0.1:0")

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await gateway.start()
        gateway.hub.publish(INFO)
        for chunk in Program(stacks=40).chunks(300):
            gateway.hub.publish(chunk)
        ready.set()
        await done.wait()
        await gateway.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait(20)
    try:
        yield Served(f"http://127.0.0.1:{gateway.port}", gateway.token)
    finally:
        loops[0].call_soon_threadsafe(done.set)
        thread.join(20)


def fuzz(served: Served, runs: int, number: int) -> int:
    """Ask each operation `runs` times; return how many questions that were. Raises what schemathesis finds."""
    headers = {"Authorization": f"Bearer {served.token}"}
    schema = schemathesis.openapi.from_dict(_described())
    schema.config.update(base_url=served.url)
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @seed(number)
        @settings(
            max_examples=runs, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)))
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            assume(sum(len(quote(str(value))) for value in case.query.values()) < MAX_QUERY)
            asked += 1
            case.call_and_validate(
                headers=headers,
                checks=[
                    schemathesis.checks.not_a_server_error,
                    schemathesis.checks.status_code_conformance,
                    schemathesis.checks.content_type_conformance,
                    schemathesis.checks.response_schema_conformance,
                    schemathesis.checks.negative_data_rejection,
                ],
            )

        ask()
    return asked


def _described() -> dict[str, Any]:
    """What is described, of the process that is there."""
    described = deepcopy(document())
    for address, path in described["paths"].items():
        for parameter in path["get"]["parameters"]:
            if parameter["name"] in ("process", "base"):
                parameter["schema"] = {"type": "string", "enum": [INFO.process]}
            elif parameter["name"] == "namespace" and "{process}" in address:
                parameter["schema"] = {"type": "string", "enum": ["default"]}
    return described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="questions to each operation")
    parser.add_argument("--seed", type=int, default=20261124)
    arguments = parser.parse_args()
    with served() as there:
        print(f"{fuzz(there, arguments.runs, arguments.seed):,} questions", flush=True)


if __name__ == "__main__":
    main()
