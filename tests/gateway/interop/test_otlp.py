"""OTLP profiles, sent by the official stubs over gRPC and by an official exporter's session over HTTP."""

from __future__ import annotations

import gzip
import time
from typing import Any

import grpc
import pytest
import requests
from google.protobuf import json_format
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as service
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2_grpc as stubs
from opentelemetry.proto.common.v1 import common_pb2 as common
from opentelemetry.proto.profiles.v1development import profiles_pb2 as pb
from opentelemetry.proto.resource.v1 import resource_pb2 as resource

from flarego.formats.otlp_schema import HTTP_PATH, RPC_PATH
from gateway.interop.conftest import TOKEN, Port, stacks

METADATA = (("authorization", f"Bearer {TOKEN}"),)
SECOND = 1_000_000_000


class Builder:
    """A request of profiles; tables are interned as it is built, index 0 is the zero value."""

    def __init__(self) -> None:
        zero = (pb.Mapping(), pb.Location(), pb.Function(), pb.Link(), "", pb.KeyValueAndUnit(), pb.Stack())
        names = ("mapping", "location", "function", "link", "string", "attribute", "stack")
        self.tables: dict[str, list[Any]] = {name: [one] for name, one in zip(names, zero, strict=True)}
        self.resources: list[pb.ResourceProfiles] = []

    def intern(self, table: str, value: Any) -> int:
        entries = self.tables[table]
        if value not in entries:
            entries.append(value)
        return entries.index(value)

    def string(self, text: str) -> int:
        return self.intern("string", text)

    def attribute(self, key: str, value: str | int) -> int:
        kind = {"int_value": value} if isinstance(value, int) else {"string_value": value}
        return self.intern("attribute", pb.KeyValueAndUnit(
            key_strindex=self.string(key), value=common.AnyValue(**kind)))  # fmt: skip

    def stack(self, text: str, kind: str = "") -> int:
        """Return a stack of `outer;inner`; `a+b` is a with b inlined into it."""
        attributes = [self.attribute("profile.frame.type", kind)] if kind else []
        locations = []
        for name in reversed(text.split(";")):
            lines = [pb.Line(function_index=self.intern("function", pb.Function(
                name_strindex=self.string(one), filename_strindex=self.string(f"/src/{one}.go"))), line=7)
                for one in reversed(name.split("+"))]  # fmt: skip
            locations.append(self.intern("location", pb.Location(lines=lines, attribute_indices=attributes)))
        return self.intern("stack", pb.Stack(location_indices=locations))

    def profile(self, name: str, unit: str, samples: list[pb.Sample], *, period: tuple[str, str, int] | None = None,
                span: int = SECOND, **fields: Any) -> pb.Profile:  # fmt: skip
        if period:
            fields["period_type"] = pb.ValueType(type_strindex=self.string(period[0]),
                                                 unit_strindex=self.string(period[1]))  # fmt: skip
            fields["period"] = period[2]
        return pb.Profile(
            sample_type=pb.ValueType(type_strindex=self.string(name), unit_strindex=self.string(unit)),
            samples=samples, time_unix_nano=time.time_ns() - span, duration_nano=span, **fields)  # fmt: skip

    def add(self, attributes: dict[str, str], *profiles: pb.Profile) -> Builder:
        pairs = [common.KeyValue(key=k, value=common.AnyValue(string_value=v)) for k, v in attributes.items()]
        scopes = [pb.ScopeProfiles(profiles=profiles)]
        self.resources.append(pb.ResourceProfiles(resource=resource.Resource(attributes=pairs), scope_profiles=scopes))
        return self

    def request(self) -> service.ExportProfilesServiceRequest:
        dictionary = pb.ProfilesDictionary(**{f"{name}_table": table for name, table in self.tables.items()})
        return service.ExportProfilesServiceRequest(resource_profiles=self.resources, dictionary=dictionary)


def cpu(b: Builder, *stacks: tuple[str, int], **fields: Any) -> pb.Profile:
    samples = [pb.Sample(stack_index=b.stack(stack), values=[value]) for stack, value in stacks]
    return b.profile("cpu", "nanoseconds", samples, **fields)


def export(port: Port, request: service.ExportProfilesServiceRequest, **options: Any) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{port.port}") as channel:
        stub = stubs.ProfilesServiceStub(channel)
        return stub.Export(request, **{"metadata": METADATA, "timeout": 20} | options)


def post(port: Port, data: bytes, kind: str = "application/x-protobuf", **headers: str) -> requests.Response:
    shown = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind} | headers
    return requests.post(f"{port.url}{HTTP_PATH}", data, headers=shown, timeout=20)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_official_stub_exports_over_grpc(port: Port, compression: grpc.Compression) -> None:
    b, name = Builder(), f"grpc-{compression.name.lower()}"
    b.add({"service.name": name, "service.instance.id": "1", "host.name": "web-1", "process.runtime.name": "go"},
          cpu(b, ("main.main;main.serve+main.inlined", 4 * 10**8), ("main.main", 10**8)))  # fmt: skip
    answer = export(port, b.request(), compression=compression)
    assert not answer.HasField("partial_success")
    info = port.named(name)
    assert (info.host, info.runtime, info.task, info.engine) == ("web-1", "go", "goroutine", "otlp")
    profile = port.profile(info)
    assert stacks(profile) == {"main.main;main.serve;main.inlined [running]": 0.4, "main.main [running]": 0.1}
    assert sum(row.cpu for row in profile.rows) == 5e8
    stack = max((profile.stack(row.node) for row in profile.rows), key=len)
    assert [frame.inlined for frame in stack] == [False, False, True] and stack[0].file == "/src/main.main.go"


def test_the_path_is_what_the_official_stub_calls() -> None:
    names = service.DESCRIPTOR.services_by_name["ProfilesService"]
    assert f"/{names.full_name}/Export" == RPC_PATH


@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_http_takes_protobuf_and_json_and_gzip(port: Port, kind: str, encoding: str) -> None:
    b, name = Builder(), f"http-{kind[-4:]}-{encoding}"
    b.add({"service.name": name}, cpu(b, ("a;b", 10**9), profile_id=b"0123456789abcdef"))
    text = json_format.MessageToJson(b.request()).encode()
    data = text if kind == "application/json" else b.request().SerializeToString()
    headers = {"Content-Encoding": "gzip"} if encoding else {}
    for _ in range(2):  # a collector that sends again what it was not sure of
        response = post(port, gzip.compress(data) if encoding else data, kind, **headers)
        assert response.status_code == 200 and response.headers["Content-Type"].startswith(kind)
    if kind == "application/json":
        assert response.json() == {}
    else:
        assert service.ExportProfilesServiceResponse.FromString(response.content).ByteSize() == 0
    assert stacks(port.profile(port.named(name))) == {"a;b [running]": 1.0}


def test_an_official_exporters_session_is_understood(port: Port) -> None:
    """There is no exporter of profiles in Python yet; what carries its traces carries profiles as well."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    b = Builder()
    b.add({"service.name": "session"}, cpu(b, ("a", 10**9)))
    exporter = OTLPSpanExporter(endpoint=f"{port.url}{HTTP_PATH}", headers={"authorization": f"Bearer {TOKEN}"},
                                compression=Compression.Gzip)  # fmt: skip
    assert exporter._client.export(b.request().SerializeToString()).success
    assert port.named("session")


def test_a_hosts_profiler_is_divided_by_process(port: Port) -> None:
    """opentelemetry-ebpf-profiler: samples of 20 Hz, the process and thread in each one's attributes."""
    b, samples = Builder(), []
    for pid, name, kind in ((11, "orders", "go"), (12, "report", "cpython")):
        attributes = [b.attribute("process.pid", pid), b.attribute("process.executable.name", name),
                      b.attribute("thread.name", "worker"), b.attribute("thread.id", pid * 10)]  # fmt: skip
        stack = b.stack(f"{name}.main;{name}.work", kind)
        samples.append(pb.Sample(stack_index=stack, attribute_indices=attributes, timestamps_unix_nano=[1, 2, 3, 4]))
    profile = b.profile("samples", "count", samples, period=("cpu", "nanoseconds", SECOND // 20))
    b.add({"host.name": "node-7", "container.id": "c0ffee"}, profile)
    export(port, b.request())
    for pid, name, runtime in ((11, "orders", "go"), (12, "report", "python")):
        info = port.named(name)
        assert (info.pid, info.host, info.runtime) == (pid, "node-7", runtime)
        profile_ = port.profile(info)
        assert stacks(profile_) == {f"{name}.main;{name}.work [running]": 0.2}
        assert profile_.groups[0].labels == {"thread.name": "worker"}


def test_time_counts_once_when_several_kinds_tell_of_it(port: Port) -> None:
    b = Builder()
    pool = "runtime.gopark;main.pool"
    samples = [pb.Sample(stack_index=b.stack(f"main.work;{name}"), values=[n])
               for name, n in (("runtime.chanrecv1;runtime.gopark", 7), ("main.spin", 1))]  # fmt: skip
    b.add({"service.name": "once", "process.runtime.name": "go"},
          cpu(b, ("main.work;main.spin", 9 * 10**8)),
          b.profile("goroutines", "count", samples),
          b.profile("delay", "nanoseconds", [pb.Sample(stack_index=b.stack(pool), values=[5 * 10**9])]))  # fmt: skip
    export(port, b.request())
    info = port.named("once")
    profile = port.profile(info)
    assert stacks(profile) == {
        "main.work;runtime.chanrecv1;runtime.gopark [waiting]": 7.0,
        "main.work;main.spin [other]": 1.0,
        "main.work;main.spin [running]": 0.0,
    }
    assert sum(row.cpu for row in profile.rows) == 9e8
    assert {row.reason for row in profile.rows} == {"", "chan receive"}
    assert port.chunks(info)[-1].series["goroutines.waiting"] == 7


def test_what_is_no_time_is_said_in_the_partial_success(port: Port) -> None:
    b = Builder()
    b.add({"service.name": "partly"}, cpu(b, ("a", 10**9)),
          b.profile("alloc_space", "bytes", [pb.Sample(stack_index=b.stack("a"), values=[5])]))  # fmt: skip
    answer = export(port, b.request())
    assert answer.partial_success.rejected_profiles == 1
    assert "alloc_space/bytes" in answer.partial_success.error_message
    assert port.named("partly")


def wrong(b: Builder, sample: pb.Sample) -> bytes:
    b.add({"service.name": "wrong"}, b.profile("cpu", "nanoseconds", [sample]))
    return b.request().SerializeToString()


@pytest.mark.parametrize("sample", [
    pb.Sample(stack_index=99, values=[1]), pb.Sample(stack_index=-1, values=[1]), pb.Sample(values=[-1]),
    pb.Sample(values=[1 << 62, 1 << 62]), pb.Sample(attribute_indices=[9], values=[1]),
])  # fmt: skip
def test_profiles_that_contradict_themselves_are_rejected_alone(port: Port, sample: pb.Sample) -> None:
    response = post(port, wrong(Builder(), sample))
    partial = service.ExportProfilesServiceResponse.FromString(response.content).partial_success
    assert (response.status_code, partial.rejected_profiles) == (200, 1) and partial.error_message


def test_errors_have_the_body_the_protocol_asks_for(port: Port) -> None:
    from google.rpc import status_pb2

    response = post(port, b"\xff\xff\xff")
    assert response.status_code == 400
    status = status_pb2.Status.FromString(response.content)
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0] and status.message
    response = post(port, b"[", "application/json")
    assert response.status_code == 400 and response.json()["code"] == 3 and response.json()["message"]
    assert post(port, b"", "text/plain").status_code == 415
    assert post(port, gzip.compress(b"\x12" * (40 << 20)), **{"Content-Encoding": "gzip"}).status_code == 413
    # Empty messages of two bytes each would be objects of a hundred.
    assert post(port, b"\x12\x80\x80\x80\x02" + b"\x3a\x00" * (1 << 21)).status_code == 400


def test_grpc_says_what_is_wrong(port: Port) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(port, Builder().request(), metadata=())
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with grpc.insecure_channel(f"127.0.0.1:{port.port}") as channel:
        call = channel.unary_unary(RPC_PATH)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff", metadata=METADATA, timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
