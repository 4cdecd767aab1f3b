"""Reading what Pyroscope's clients send: requests of its push API, and bodies of its older /ingest.

Both hold one profile of each kind that the client takes, of one process, with labels that its owner chose. Source:
grafana/pyroscope, api/push/v1/push.proto and pkg/og/ingestion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flarego.formats.assembly import Budget
from flarego.formats.meaning import NoTime
from flarego.formats.pushed import MAX_BODY, Pushed, new_assembly, new_budget, source
from flarego.formats.registry import importer
from flarego.formats.source import BadFile, Source
from flarego.formats.structure import Schema
from flarego.wire.protobuf import Malformed

FORMAT = "Pyroscope"
PUSH_PATH = "/push.v1.PusherService/Push"
SCHEMA = Schema(
    {
        "PushRequest": "series=1:RawProfileSeries*",
        "RawProfileSeries": "labels=1:LabelPair* samples=2:RawSample*",
        "LabelPair": "name=1:string value=2:string",
        "RawSample": "raw_profile=1:bytes ID=2:string",
    }
)
FORMATS = {
    "pprof": "pprof",
    "folded": "collapsed",
    "collapsed": "collapsed",
    "lines": "collapsed",
    "speedscope": "speedscope",
}
"""Formats of /ingest, and who reads them."""
_NAME = re.compile(r"([^{}]{1,512})(?:\{(.*)\})?", re.DOTALL)
_SUFFIXES = ("cpu", "wall", "itimer")
_MAX_LABELS = 64
_MAX_PROFILES = 1_000


@dataclass(frozen=True)
class Found:
    """What a request held."""

    profiles: Sequence[Pushed]
    ignored: int
    """Profiles of neither time nor goroutines, such as memory: it is not the client's fault that we do not show it."""


def read_push(data: bytes, *, json: bool = False) -> Found:
    """Return the profiles of a push request. Raises BadFile."""
    try:
        if json:
            request = SCHEMA.from_json(source(data, "the request").json(), "PushRequest")
        else:
            request = SCHEMA.read(memoryview(data), "PushRequest")
    except Malformed as e:
        raise BadFile(e.message) from None
    found: list[Pushed] = []
    ignored, budget, left = 0, new_budget(), MAX_BODY
    for series in request.get("series", ()):
        labels = {pair.get("name", ""): pair.get("value", "") for pair in series.get("labels", ())[:_MAX_LABELS]}
        for sample in series.get("samples", ()):
            if len(found) + ignored >= _MAX_PROFILES:
                raise BadFile(f"more than {_MAX_PROFILES:,} profiles at once")
            raw = source(sample.get("raw_profile", b""), "the profile", max_bytes=left).read()
            left -= len(raw)
            profile = source(raw, labels.get("service_name", ""), unit_ns=0.0)
            try:
                found.append(_profile("pprof", profile, labels, budget, id=sample.get("ID", "")))
            except NoTime:
                ignored += 1
    return Found(found, ignored)


@dataclass(frozen=True)
class Ingest:
    """What the query of /ingest says of its body."""

    name: str
    """`orders.cpu{region=eu,pod=orders-1}`"""
    start: int = 0
    """Unix ns; 0: not known."""
    end: int = 0
    format: str = "folded"
    units: str = "samples"
    sample_rate: float = 100.0
    """Hz."""
    spy: str = ""
    """What took the profile: "gospy"."""


def read_ingest(data: bytes, about: Ingest) -> Found:
    """Return the profile that is a body of /ingest. Raises BadFile."""
    if about.format not in FORMATS:
        raise BadFile(f"a profile in the format {about.format[:40]!r}",
                      remedy=f"flarego takes {', '.join(FORMATS)}; not trees, tries and JFR")  # fmt: skip
    labels = labels_of(about.name)
    if about.units not in ("samples", ""):
        return Found([], 1) if "bytes" in about.units or "objects" in about.units else _refuse_units(about.units)
    name, kind = labels["service_name"], ""
    if name.rpartition(".")[2] in _SUFFIXES:
        name, _, kind = name.rpartition(".")
        labels["service_name"] = name
    if about.spy:
        labels.setdefault("spy", about.spy)
    profile = source(data, name, unit_ns=1e9 / about.sample_rate, span_ns=max(about.end - about.start, 0),
                     state="other" if kind == "wall" else "running")  # fmt: skip
    try:
        return Found([_profile(FORMATS[about.format], profile, labels, new_budget(), about.start, about.end)], 0)
    except NoTime:
        return Found([], 1)


def _refuse_units(units: str) -> Found:
    raise BadFile(f"a profile in the unit {units[:40]!r}", remedy="flarego takes samples")


def labels_of(name: str) -> dict[str, str]:
    """Return the labels of `name{key=value,…}`; the name is service_name. Raises BadFile."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise BadFile(f"{name[:60]!r} is no name of a profile", remedy="write it as name{key=value,key=value}")
    pairs = (pair.partition("=") for pair in (match[2] or "").split(",")[:_MAX_LABELS] if pair.strip())
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs} | {"service_name": match[1].strip()}


def _profile(
    format: str,
    profile: Source,
    labels: Mapping[str, str],
    budget: Budget,
    start: int = 0,
    end: int = 0,
    id: str = "",
) -> Pushed:
    assembly = new_assembly(budget)
    about = importer(format).read(profile, assembly)
    begins = start or about.epoch
    ends = end or (begins + about.span if begins else 0)
    kind = "cpu" if format == "collapsed" and profile.state == "running" else about.kind
    return Pushed(labels, assembly, kind, begins, ends, FORMAT, id)
