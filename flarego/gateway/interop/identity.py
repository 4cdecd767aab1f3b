"""Which process a profile is of, told by the labels or attributes that came with it.

Senders name the service, and some of them the instance; none of them has ids like ours. So a process is: the name, what
tells instances apart, and, when nothing does, the address it came from. Other labels may change from one profile to the
next (an endpoint, a customer): they are labels of goroutines, not another process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAMES = ("service_name", "service.name", "process.executable.name", "k8s.deployment.name", "container.name", "app")
_HOSTS = ("host.name", "hostname", "host", "node", "k8s.node.name", "instance")
_PIDS = ("process.pid", "pid")
_INSTANCES = (
    *_HOSTS, *_PIDS, "service.instance.id", "service_instance_id", "service.namespace", "instance_id", "pod",
    "k8s.pod.name", "k8s.pod.uid", "k8s.namespace.name", "container", "container.id", "k8s.container.name",
)  # fmt: skip
_RUNTIMES = (
    (("go", "gospy", "golang"), "go"),
    (("cpython", "pypy", "python", "pyspy"), "python"),
    (("nodejs", "node", "nodespy", "v8js", "javascript"), "node"),
    (("openjdk", "java", "javaspy", "jvm", "hotspot", "graalvm"), "java"),
    (("ruby", "rbspy"), "ruby"),
    (("dotnet", "dotnetspy", ".net"), "dotnet"),
    (("rust", "rustspy"), "rust"),
    (("php", "phpspy"), "php"),
    (("beam", "erlang", "elixir"), "beam"),
)
_SAYS_RUNTIME = ("process.runtime.name", "telemetry.sdk.language", "spy", "otel.scope.name")
_TASKS = {"go": "goroutine", "beam": "process"}
_SAID_ELSEWHERE = re.compile(
    r"__.*__|otel\.scope\..*|telemetry\..*|spy|process\.runtime\..*|service_name|service\.name"
    r"|host\.name|hostname|pid|process\.pid|process\.command_line|process\.executable\..*"
)
_MAX_LABELS, _MAX_KEY, _MAX_VALUE, _MAX_NAME = 32, 128, 512, 200


@dataclass(frozen=True)
class Identity:
    """A process, as far as it is known."""

    process: str
    """Its id."""
    name: str
    pid: int = 0
    host: str = ""
    command: str = ""
    runtime: str = "unknown"
    runtime_version: str = ""
    task: str = "thread"
    labels: Mapping[str, str] = field(default_factory=dict)


def identify(attributes: Mapping[str, str], peer: str) -> Identity:
    """Return the process that has these attributes; `peer` is the address they came from."""
    name = _first(attributes, _NAMES)[:_MAX_NAME] or "unknown"
    telling = sorted((key, value) for key, value in attributes.items() if key in _INSTANCES and value)
    digest = hashlib.sha256(repr((name, telling or peer)).encode("utf-8", "replace")).hexdigest()[:8]
    pid = _first(attributes, _PIDS)
    runtime = runtime_of(attributes)
    return Identity(
        process=f"{slug(name)}-{digest}",
        name=name,
        pid=int(pid) if re.fullmatch(r"\d{1,9}", pid, re.ASCII) else 0,
        host=_first(attributes, _HOSTS)[:_MAX_VALUE] or peer,
        command=_first(attributes, ("process.command_line", "process.executable.path"))[:_MAX_VALUE],
        runtime=runtime,
        runtime_version=version_of(runtime, attributes.get("process.runtime.version", "")),
        task=task_of(runtime),
        labels=labels_of(attributes),
    )


def slug(name: str) -> str:
    """Return a name as a part of an id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name, flags=re.ASCII).strip("-.")[:64] or "process"


def runtime_of(attributes: Mapping[str, str]) -> str:
    """Return what runs the program: "go", "python" …; "unknown" when nothing tells."""
    for key in _SAYS_RUNTIME:
        said = attributes.get(key, "").lower()
        words = {said, *re.split(r"[^a-z0-9.]+", said)}
        for names, runtime in _RUNTIMES:
            if words.intersection(names):
                return runtime
    return "unknown"


def version_of(runtime: str, version: str) -> str:
    """Return a version that says what it is of: "go1.27.3", "python 3.11.7"; "" when nothing is known."""
    if runtime == "unknown" or version.startswith(runtime):
        return version[:_MAX_KEY]
    return f"{runtime} {version}".strip()[:_MAX_KEY]


def task_of(runtime: str) -> str:
    """Return what a runtime schedules."""
    return _TASKS.get(runtime, "thread")


def labels_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what a person chose to say, without what a process is known by and senders say of themselves."""
    kept = ((k[:_MAX_KEY], v[:_MAX_VALUE]) for k, v in sorted(attributes.items()) if not _SAID_ELSEWHERE.fullmatch(k))
    return dict(list(kept)[:_MAX_LABELS])


def _first(attributes: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((attributes[key] for key in keys if attributes.get(key)), "")
