"""Run the demo service as a child process that cannot outlive its parent."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from flarego.errors import FlareError

STOP_TIMEOUT_S = 5


@dataclass(frozen=True)
class Service:
    """A running demo service. It ends with `stop`, with the `with` block, or with this process."""

    url: str
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End the service and wait for it; harmless when it has ended already."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    binary: Path,
    *,
    goroutines: int = 300,
    load: float = 150,
    leak: bool = False,
    addr: str = "127.0.0.1:0",
) -> Service:
    """Start the built demo service and return once it listens.

    load: requests per second that it sends to itself. leak: start with the leak switched on.
    Raises FlareError when it cannot be started or does not come up.
    """
    arguments = ["-addr", addr, "-goroutines", str(goroutines), "-load", str(load), "-until-eof"]
    if leak:
        arguments.append("-leak")
    try:
        # In a process group of its own: Ctrl-C is for us, and we end the service when we have left it.
        process = subprocess.Popen(
            [str(binary), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
        )
    except OSError as error:
        raise FlareError(f"could not start the demo service: {error}") from error
    assert process.stdout is not None
    word, _, url = process.stdout.readline().strip().partition(" ")
    service = Service(url, process)
    if word != "listening":
        service.stop()
        raise FlareError(f"the demo service could not listen on {addr}", remedy="choose another address")
    return service
