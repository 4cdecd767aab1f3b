"""Fixtures that more than one folder of tests uses: real processes to look at."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from targets.build import CACHE
from targets.server import Server, free_port

from flarego import demo

START_TIMEOUT_S = 30
_PROMETHEUS = """
global: {scrape_interval: 1s}
scrape_configs: [{job_name: self, static_configs: [{targets: ["127.0.0.1:%d"]}]}]
"""


ALONE = ("tests/fidelity/", "tests/samplers/", "tests/native/", "tests/cli/test_top.py", "tests/browser/test_flame.py")
"""What compares times or counts with those of a live process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def demo_binary() -> Path:
    return demo.build()


@pytest.fixture
def serve_demo(demo_binary: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts the demo service, with the arguments of `demo.start`."""
    services: list[demo.Service] = []

    def serve(**options: float | bool) -> Server:
        service = demo.start(demo_binary, **options)
        services.append(service)
        return Server(service.pid, service.url)

    yield serve
    for service in services:
        service.stop()


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Debian's prometheus, a real server that no one here wrote, scraping itself every second."""
    unpacked = CACHE / "deb" / "usr" / "bin" / "prometheus"
    binary = shutil.which("prometheus") or (str(unpacked) if unpacked.exists() else None)
    if binary is None:
        pytest.skip("prometheus is not installed (apt-get install prometheus)")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(_PROMETHEUS % port)
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(process.pid, f"http://127.0.0.1:{port}")
    try:
        _await(server, "/-/ready")
        yield server
    finally:
        process.kill()
        process.wait()


def _await(server: Server, path: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server.get(path)
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
