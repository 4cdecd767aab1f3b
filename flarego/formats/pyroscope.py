"""A request for Pyroscope's push API: a window as pprof, with labels."""

from __future__ import annotations

import hashlib
import io
import re

from flarego.formats import pprof
from flarego.formats.pyroscope_import import SCHEMA
from flarego.formats.recording import Recording
from flarego.model.chunk import ProcessInfo

_NAME = re.compile(r"[^a-zA-Z0-9_.]")
_TYPE = "flarego"
"""Of profile: what its server shows beside the name of the service."""


def request(recording: Recording) -> bytes:
    """Return the bytes of a PushRequest. Raises BadRows."""
    info, out = recording.process, io.BytesIO()
    pprof.export(recording, out)
    id = hashlib.sha256(f"{info.namespace} {info.process} {info.epoch + recording.start}".encode()).hexdigest()
    labels = [{"name": name, "value": value} for name, value in sorted(labels_of(info).items())]
    series = {"labels": labels, "samples": [{"raw_profile": out.getvalue(), "ID": uuid(id)}]}
    return SCHEMA.write({"series": [series]}, "PushRequest")


def labels_of(info: ProcessInfo) -> dict[str, str]:
    """Return labels by names that Pyroscope takes."""
    own = {_NAME.sub("_", name): value for name, value in info.labels.items()}
    known = {
        "__name__": _TYPE,
        "service_name": info.name,
        "service_instance_id": info.process,
        "hostname": info.host,
        "pid": str(info.pid) if info.pid else "",
        "process.runtime.name": info.runtime,
        "process.runtime.version": info.runtime_version,
    }
    return own | {name: value for name, value in known.items() if value}


def uuid(digest: str) -> str:
    """Return the text of a UUID made of hexadecimal digits."""
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
