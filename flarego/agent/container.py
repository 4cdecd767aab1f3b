"""Which container and pod a process runs in, as its cgroups tell: v1 and v2, under Docker, containerd, CRI-O, Podman.

With systemd as the manager a container is `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope` or
`libpod-<id>.scope`; otherwise `/docker/<id>`, or `/kubepods/burstable/pod<uid>/<id>`, where the runtime is not told.
containerd without systemd units writes `<slice>:cri-containerd:<id>`. Dashes of a pod's uid are underscores in slices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "libpod": "podman",
}
_ID = re.compile(
    r"(?:^|[/:])(?:(?P<runtime>docker|cri-containerd|containerd|nerdctl|crio|libpod)[-:/])?(?P<id>[0-9a-f]{64})"
    r"(?:\.scope)?(?=/|$)"
)
_POD = re.compile(
    r"pod(?P<uid>[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[./:]|$)"
)
_MOUNTED = re.compile(r"/(?P<kind>docker/containers|overlay-containers)/(?P<id>[0-9a-f]{64})/(?:userdata/)?hostname ")
_MAX_TEXT = 1 << 16


@dataclass(frozen=True)
class Container:
    """Where a process runs; "" for what is not known, or not so."""

    id: str = ""
    runtime: str = ""
    pod_uid: str = ""
    path: str = ""
    """Its cgroup, as seen from ours."""


def container_of(pid: int | str) -> Container:
    """Return where the process runs, as far as /proc tells."""
    found = parse_cgroups(_read(f"/proc/{pid}/cgroup"))
    if found.id:
        return found
    mounted = _MOUNTED.search(_read(f"/proc/{pid}/mountinfo"))  # a cgroup namespace of its own hides its name
    if mounted is None:
        return found
    runtime = "docker" if mounted["kind"].startswith("docker") else "podman"
    return Container(mounted["id"], runtime, found.pod_uid, found.path)


def parse_cgroups(text: str) -> Container:
    """Return what /proc/PID/cgroup tells."""
    best = Container()
    for line in text.splitlines():
        path = line.split(":", 2)[-1] if line.count(":") >= 2 else ""
        ids, pods = list(_ID.finditer(path)), list(_POD.finditer(path))
        inner = ids[-1] if ids else None  # of nested ones the innermost
        found = Container(
            inner["id"] if inner else "",
            _RUNTIMES.get(inner["runtime"] or "", "") if inner else "",
            pods[-1]["uid"].replace("_", "-") if pods else "",
            path,
        )
        if (bool(found.id), bool(found.pod_uid), line.startswith("0::")) > (
            bool(best.id), bool(best.pod_uid), not best.path
        ):  # fmt: skip
            best = found
    return best


def in_same_pod(target: Container, own: Container, own_uid: str) -> bool:
    """Return whether the target is in the agent's own pod. own_uid: what Kubernetes said that is; "" when unknown."""
    uid = own_uid or own.pod_uid
    if uid and target.pod_uid:
        return uid == target.pod_uid
    if own.path == "/":  # we see cgroups from our container's: the same, or one beside it under the pod's
        return target.path == "/" or re.fullmatch(r"/\.\./[^/]+", target.path) is not None
    return False


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""
