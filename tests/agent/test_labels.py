"""Labels: where a process runs, as every container runtime writes it; and what Kubernetes says of whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.watched import child
from flarego.agent import labels
from flarego.agent.container import Container, in_same_pod, parse_cgroups
from flarego.agent.find import by_pid
from flarego.agent.labels import Labels

ID = "0123456789abcdef" * 4
OTHER = "f" * 64
UID = "6f0a1b2c-0d3e-4f50-8a6b-7c8d9e0f1a2b"
SLICE = f"kubepods-burstable-pod{UID.replace('-', '_')}.slice"


@pytest.mark.parametrize(
    "text, id, runtime, uid",
    [
        (f"0::/system.slice/docker-{ID}.scope\n", ID, "docker", ""),
        (f"0::/docker/{ID}\n", ID, "docker", ""),
        (f"12:pids:/docker/{ID}\n11:cpu,cpuacct:/docker/{ID}\n0::/\n", ID, "docker", ""),
        (f"0::/docker/{OTHER}/docker/{ID}\n", ID, "docker", ""),
        (f"0::/kubepods.slice/kubepods-burstable.slice/{SLICE}/cri-containerd-{ID}.scope\n", ID, "containerd", UID),
        (f"0::/kubepods.slice/kubepods-burstable.slice/{SLICE}/crio-{ID}.scope\n", ID, "cri-o", UID),
        (f"0::/kubepods.slice/{SLICE}/crio-{ID}.scope/container\n", ID, "cri-o", UID),
        (f"0::/../../{SLICE}/cri-containerd-{ID}.scope\n", ID, "containerd", UID),
        (f"0::/../cri-containerd-{ID}.scope\n", ID, "containerd", ""),
        (f"5:memory:/kubepods/besteffort/pod{UID}/{ID}\n1:name=systemd:/\n", ID, "", UID),
        (f"1:name=systemd:/system.slice/{SLICE}:cri-containerd:{ID}\n", ID, "containerd", UID),
        (f"0::/kubepods/pod{ID[:32]}/{OTHER}\n", OTHER, "", ID[:32]),
        (f"0::/machine.slice/libpod-{ID}.scope\n", ID, "podman", ""),
        (f"0::/user.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n", ID, "podman", ""),
        (f"11:cpu:/libpod_parent/libpod-{ID}\n", ID, "podman", ""),
        (f"0::/system.slice/nerdctl-{ID}.scope\n", ID, "containerd", ""),
        (f"4:memory:/ecs/55f2/{ID}\n", ID, "", ""),
        (f"0::/machine.slice/libpod-conmon-{ID}.scope\n", "", "", ""),
        (f"0::/kubepods.slice/{SLICE}/crio-conmon-{ID}.scope\n", "", "", UID),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "", "", ""),
        ("0::/\n", "", "", ""),
        ("", "", "", ""),
        ("nonsense\n::\n", "", "", ""),
    ],
)  # fmt: skip
def test_what_cgroups_tell(text: str, id: str, runtime: str, uid: str) -> None:
    found = parse_cgroups(text)
    assert (found.id, found.runtime, found.pod_uid) == (id, runtime, uid)


@pytest.mark.parametrize(
    "target, own, uid, same",
    [
        (Container(pod_uid=UID), Container(), UID, True),
        (Container(pod_uid=UID), Container(pod_uid=UID), "", True),
        (Container(pod_uid=UID), Container(), "another", False),
        (Container(path=f"/../cri-containerd-{ID}.scope"), Container(path="/"), UID, True),
        (Container(path=f"/../../{SLICE}/x.scope"), Container(path="/"), "", False),
        (Container(path="/"), Container(path="/"), UID, True),
        (Container(path="/system.slice/x"), Container(path="/user.slice/y"), UID, False),
    ],
)
def test_who_is_in_our_pod(target: Container, own: Container, uid: str, same: bool) -> None:
    assert in_same_pod(target, own, uid) is same


ENVIRON = {
    "POD_NAME": "api-5d4f-x2z",
    "POD_NAMESPACE": "shop",
    "POD_UID": UID,
    "NODE_NAME": "node-7",
    "CONTAINER_NAME": "api",
}


class TestLabels:
    @pytest.fixture
    def where(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Container]:
        """Where processes are, by pid; "self" is the agent."""
        places = {"self": Container(pod_uid=UID)}
        monkeypatch.setattr(labels, "container_of", lambda pid: places[str(pid)])
        return places

    def test_a_sidecar_tells_of_its_pod(self, where: dict[str, Container], tmp_path: Path) -> None:
        (tmp_path / "labels").write_text('app="api"\npod-template-hash="5d4f"\nbroken\nworse="\n')
        with child("sleep", "60") as process:
            where[str(process.pid)] = Container(ID, "containerd", UID)
            found = Labels(["team=a", "k8s.node.name=mine"], tmp_path / "labels", ENVIRON).of(by_pid(process.pid))
        assert found == {
            "team": "a", "k8s.node.name": "mine", "container.id": ID, "container.runtime": "containerd",
            "k8s.pod.name": "api-5d4f-x2z", "k8s.namespace.name": "shop", "k8s.pod.uid": UID,
            "k8s.container.name": "api", "k8s.pod.label.app": "api", "k8s.pod.label.pod-template-hash": "5d4f",
        }  # fmt: skip

    def test_a_node_agent_does_not_say_its_own_pod_of_others(self, where: dict[str, Container]) -> None:
        with child("sleep", "60") as process:
            where[str(process.pid)] = Container(ID, "containerd", "another")
            found = Labels([], None, ENVIRON).of(by_pid(process.pid))
        assert found == {
            "container.id": ID, "container.runtime": "containerd", "k8s.node.name": "node-7", "k8s.pod.uid": "another",
        }  # fmt: skip

    def test_there_are_never_more_than_the_wire_takes(self, where: dict[str, Container], tmp_path: Path) -> None:
        (tmp_path / "labels").write_text("".join(f'{"k" * 200}{i}="{"v" * 900}"\n' for i in range(100)))
        with child("sleep", "60") as process:
            where[str(process.pid)] = Container(pod_uid=UID)
            said = [f"{i}={'x' * 512}" for i in range(20)]
            found = Labels(said, tmp_path / "labels", ENVIRON).of(by_pid(process.pid))
        assert len(found) <= 32 and list(found)[:20] == [str(i) for i in range(20)]
        assert all(len(name) <= 128 and len(text) <= 512 for name, text in found.items())


def test_of_a_real_process_there_is_something_to_read() -> None:
    with child("sleep", "60") as process:
        assert Labels(["a=b=c"], None, {}).of(by_pid(process.pid))["a"] == "b=c"
