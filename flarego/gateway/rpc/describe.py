"""Makes descriptors.bin, which reflection answers from: `python -m flarego.gateway.rpc.describe`.

For maintainers, after a change of flarego.proto; needs grpcio-tools, grpcio-reflection, grpcio-health-checking and
opentelemetry-proto. A test fails as long as it is not done.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flarego.wire

TARGET = Path(__file__).with_name("descriptors.bin")
_PROTO = Path(flarego.wire.__file__).parent / "flarego.proto"
_OTHERS = (
    "grpc_health.v1.health_pb2",
    "grpc_reflection.v1alpha.reflection_pb2",
    "opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2",
)


def describe() -> bytes:
    """Return a FileDescriptorSet of every service of the gateway."""
    protoc: Any = importlib.import_module("grpc_tools.protoc")
    descriptor: Any = importlib.import_module("google.protobuf.descriptor_pb2")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        if protoc.main(["protoc", f"-I{_PROTO.parent}", f"--descriptor_set_out={out}", _PROTO.name]):
            raise SystemExit(1)
        files = descriptor.FileDescriptorSet.FromString(out.read_bytes())
    known: dict[str, Any] = {}
    _add(known, [importlib.import_module(name).DESCRIPTOR for name in _OTHERS])
    for file in known.values():
        files.file.add().ParseFromString(file.serialized_pb)
    serialized: bytes = files.SerializeToString(deterministic=True)
    return serialized


def _add(known: dict[str, Any], files: Iterable[Any]) -> None:
    for file in files:
        if file.name not in known:
            _add(known, file.dependencies)
            known[file.name] = file


if __name__ == "__main__":
    TARGET.write_bytes(describe())
