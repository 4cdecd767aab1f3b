"""Run a target program and ask it for the truth about itself (programs/truth/truth.go)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from targets.build import LATEST, build


class Target:
    """A running target. It ends with the `with` block, or with this process."""

    def __init__(self, program: str | Path, *arguments: object, version: str = LATEST, form: str = "default") -> None:
        """Start a program by name, built where need be, or a binary; wait till it is ready."""
        binary = program if isinstance(program, Path) else build(program, version, form)
        self.process = subprocess.Popen(
            [str(binary), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        if self._output.readline() != b"ready\n":
            self.close()
            raise RuntimeError(f"{binary} did not get ready")

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, command: str) -> None:
        self._input.write(command.encode() + b"\n")
        self._input.flush()

    def receive(self) -> bytes:
        """Return the answer to the oldest command sent and not yet answered."""
        status, _, size = self._output.readline().partition(b" ")
        if status != b"ok":
            raise EOFError(f"process {self.pid} ended")
        return self._output.read(int(size))

    def ask(self, command: str) -> bytes:
        self.send(command)
        return self.receive()

    def goroutines(self) -> str:
        """Return what /debug/pprof/goroutine?debug=2 would."""
        return self.ask("goroutines").decode()

    def metrics(self) -> Any:
        return json.loads(self.ask("metrics"))

    def ops(self) -> int:
        return int(self.ask("ops"))

    def close(self) -> None:
        """End the process and wait for it; harmless when it has ended already."""
        self.process.kill()
        self.process.wait()
        self._input.close()
        self._output.close()

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
