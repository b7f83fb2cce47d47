"""Which Go module gives which program. Versions are in `modules/<name>/go.mod`; `modules/update` moves them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.settings import KUBERNETES

_VERSION = "k8s.io/component-base/version"
_KUBERNETES_STAMP = " ".join(
    f"-X {_VERSION}.{name}={value}"
    for name, value in {
        "gitVersion": f"v{KUBERNETES}",
        "gitMajor": KUBERNETES.split(".")[0],
        "gitMinor": KUBERNETES.split(".")[1],
        "gitTreeState": "clean",
    }.items()
)


@dataclass(frozen=True)
class Module:
    """One upstream, resolved by itself."""

    name: str
    programs: Mapping[str, str]
    """Name of the program → Go package."""
    stamp: str = ""
    """Linker flags: an upstream that is told its version at build time says it nowhere else."""
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name of a file to keep beside the programs → Go module and the path in its source."""

    def go_name(self, package: str) -> str:
        """What Go calls the program of a package: its last word, the version of a module not counted."""
        words = [word for word in package.split("/") if not re.fullmatch(r"v[0-9]+", word)]
        return self.name if package == "." else words[-1]


_KUBERNETES = "k8s.io/kubernetes/cmd"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_TEMPORAL = "go.temporal.io/server/cmd"
_UI = "github.com/temporalio/ui-server/v2"

KUBERNETES_PROGRAMS = ("kubeadm", "kubelet", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")

MODULES = (
    Module("kubernetes", {name: f"{_KUBERNETES}/{name}" for name in KUBERNETES_PROGRAMS}, _KUBERNETES_STAMP),
    Module("temporal", {"temporal-server": f"{_TEMPORAL}/server", "temporal-sql-tool": f"{_TEMPORAL}/tools/sql"}),
    Module("coredns", {"coredns": "github.com/coredns/coredns"}),
    Module("containerd", {name: f"{_CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")}),
    Module("kube-router", {"kube-router": "github.com/cloudnativelabs/kube-router/cmd/kube-router"}),
    Module("skipper", {"skipper": "github.com/zalando/skipper/cmd/skipper"}),
    Module("temporal-ui", {"ui-server": f"{_UI}/cmd/server"}, files={"docker.yaml": (_UI, "config/docker.yaml")}),
    Module("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module("registry", {"registry": "."}),
    Module("pause", {"pause": "."}),
)
KUBE_SCORE = Module("kube-score", {"kube-score": "github.com/zegl/kube-score/cmd/kube-score"})
"""No part of the platform: `make audit` builds it when it first needs it."""
BY_NAME = {module.name: module for module in MODULES}
