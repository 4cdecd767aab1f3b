"""What is said of every process: by whoever runs the agent, by Kubernetes, by the process's container.

Names are OpenTelemetry's, so that what is exported later means the same. The pod's own name and labels are told by
Kubernetes of the agent's pod; they are a target's only when that is in the same pod (a sidecar, not a DaemonSet).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from flarego.agent.container import Container, container_of, in_same_pod
from flarego.agent.find import Found
from flarego.wire.codec import MAX_LABEL_NAME, MAX_LABEL_VALUE, MAX_LABELS

LABELS_FILE = Path("/etc/podinfo/labels")
_OF_POD = {
    "POD_NAME": "k8s.pod.name",
    "POD_NAMESPACE": "k8s.namespace.name",
    "POD_UID": "k8s.pod.uid",
    "CONTAINER_NAME": "k8s.container.name",
}
_MAX_FILE = 1 << 16


class Labels:
    """Knows what to say of each process."""

    def __init__(
        self, said: Sequence[str], labels_file: Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        """said: KEY=VALUE, which go before everything else."""
        self._said = dict(text.split("=", 1) for text in said)
        self._file = labels_file or LABELS_FILE
        self._environ = environ
        self._own = container_of("self")

    def of(self, found: Found) -> dict[str, str]:
        """Return the labels of a process, within the bounds of the wire."""
        everything = self._said | {name: text for name, text in self._found(container_of(found.pid))
                                   if name not in self._said}  # fmt: skip
        fitting = ((name[:MAX_LABEL_NAME], text[:MAX_LABEL_VALUE]) for name, text in everything.items() if text)
        return dict(islice(fitting, MAX_LABELS))

    def _found(self, target: Container) -> Iterator[tuple[str, str]]:
        yield "container.id", target.id
        yield "container.runtime", target.runtime
        yield "k8s.node.name", self._environ.get("NODE_NAME", "")
        if in_same_pod(target, self._own, self._environ.get("POD_UID", "")):
            for variable, name in _OF_POD.items():
                yield name, self._environ.get(variable, "")
            yield from self._of_file()
        else:
            yield "k8s.pod.uid", target.pod_uid

    def _of_file(self) -> Iterator[tuple[str, str]]:
        """Yield the pod's labels: lines of key="value", as the downward API writes them."""
        try:
            with self._file.open("rb") as file:
                text = file.read(_MAX_FILE).decode("utf-8", "replace")
        except OSError:
            return
        for line in text.splitlines():
            name, _, value = line.partition("=")
            with suppress(ValueError):
                yield f"k8s.pod.label.{name}", str(json.loads(value))
