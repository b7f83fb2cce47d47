"""Container images of the platform: built from our programs by buildah, kept in the user's cache as archives that containerd loads.

They carry the public names (`docker.io/temporalio/server:1.32.2`), so that a manifest or Dockerfile is the same here as anywhere.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local import binaries
from local.bases import BASES, node_js
from local.cache import forget_old, make_once
from local.commands import run, run_logged
from local.modules import BY_NAME
from local.progress import step
from local.settings import COREDNS, ETCD, HOST_ADDRESS, KUBERNETES, NODE_JS, PATHS, PAUSE, SKIPPER, TEMPORAL, TEMPORAL_UI

DOCKERFILE = Path(__file__).parent / "images" / "Dockerfile"
LOG = PATHS.logs / "images.log"
KEY = 12  # hexadecimal digits of what an archive is named after
ADVICE = "`make up` again goes on where this stopped."


@dataclass(frozen=True)
class Image:
    """One image: its name, its stage in `images/Dockerfile`, and the module and base that the stage copies from."""

    name: str
    stage: str
    module: str | None = None
    base: str | None = None
    on_node: bool = True
    """False for those that only other images are built from."""

    @property
    def key(self) -> str:
        parts = [_stage(self.stage), self.name]
        if self.module:
            parts.append(binaries.directory(BY_NAME[self.module]).name)
        if self.base:
            parts.append(BASES[self.base].key)
        if self.stage == "node":
            parts.append(NODE_JS)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:KEY]

    @property
    def archive(self) -> Path:
        return PATHS.images / f"{self.stage}-{self.key}.tar"


def _stage(name: str) -> str:
    """The lines of one stage of the Dockerfile."""
    stages = DOCKERFILE.read_text().split("\nFROM ")
    return next(stage for stage in stages if stage.startswith(f"scratch AS {name}\n"))


_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")

IMAGES = (
    Image(f"registry.k8s.io/pause:{PAUSE}", "pause", "pause"),
    Image(f"registry.k8s.io/etcd:{ETCD}", "etcd", "etcd"),
    *(Image(f"registry.k8s.io/{name}:v{KUBERNETES}", name, "kubernetes") for name in _CONTROL_PLANE),
    Image(f"registry.k8s.io/kube-proxy:v{KUBERNETES}", "kube-proxy", "kubernetes", "firewall"),
    Image(f"registry.k8s.io/coredns/coredns:v{COREDNS}", "coredns", "coredns"),
    Image(f"localhost/skipper:{SKIPPER}", "skipper", "skipper"),
    Image(f"docker.io/temporalio/server:{TEMPORAL}", "temporal-server", "temporal"),
    Image(f"docker.io/temporalio/admin-tools:{TEMPORAL}", "temporal-admin-tools", "temporal"),
    Image(f"docker.io/temporalio/ui:{TEMPORAL_UI}", "temporal-ui", "temporal-ui"),
    Image("docker.io/library/python:3.11-slim", "python", base="debian", on_node=False),
    Image("docker.io/library/node:24-slim", "node", base="debian", on_node=False),
)


def build_all() -> None:
    """Builds what is not in the cache. Raises PlatformError with the end of buildah's output."""
    missing = [image for image in IMAGES if not image.archive.exists()]
    for number, image in enumerate(missing, 1):
        with step(f"image {image.stage} ({number} of {len(missing)})"):
            build(image)


def build(image: Image) -> None:
    """One image, if it is not in the cache. Raises PlatformError."""
    make_once(image.archive, partial(_build, image))
    forget_old(PATHS.images, f"{image.stage}-{'[0-9a-f]' * KEY}.tar")


def _build(image: Image, draft: Path) -> None:
    target = ["--target", image.stage, "--tag", image.name, "--file", DOCKERFILE]
    buildah(["bud", "--quiet", "--pull-never", *target, _context(image, draft.parent)], f"build the image {image.name}")
    save(image.name, draft)


def save(name: str, draft: Path, log: Path = LOG) -> None:
    """An image of buildah's store as an archive that containerd and buildah read."""
    buildah(["push", "--quiet", name, f"docker-archive:{draft}:{name}"], f"save the image {name}", log)


def load(name: str, archive: Path, log: Path = LOG) -> None:
    """The other way round, unless buildah's store has an image of that name."""
    if not buildah_says(["images", "--quiet", "--filter", f"reference={name}"], "list buildah's images").strip():
        buildah(["pull", "--quiet", f"docker-archive:{archive}"], f"load {name}", log)


def buildah(arguments: Sequence[object], what: str, log: Path = LOG) -> None:
    """Runs buildah on a store of our own, in a mount namespace of its own, so that it leaves no mount behind. Raises PlatformError."""
    run_logged([*BUILDAH, *arguments], log, what=what, advice=ADVICE, env=_environment())


def buildah_says(arguments: Sequence[object], what: str) -> str:
    """As `buildah`, and returns what it printed."""
    return run([*BUILDAH, *arguments], what=what, env=_environment())


_STORE = PATHS.cache / "buildah"
BUILDAH: tuple[object, ...] = (
    *("unshare", "--mount", "--", "buildah", "--storage-driver", "overlay"),
    *("--root", _STORE, "--runroot", _STORE / "run"),
)


def _environment() -> dict[str, str]:
    """A proxy of the user's leads to package registries, not to ours."""
    direct = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    no_proxy = ",".join(filter(None, (direct, HOST_ADDRESS)))
    return {**os.environ, "NO_PROXY": no_proxy, "BUILDAH_ISOLATION": "chroot", "BUILDAH_HISTORY": "false"}


def _context(image: Image, place: Path) -> Path:
    """A directory with what the stage copies: the module's programs and the base's files, as hard links."""
    context = place / "context"
    context.mkdir()
    if image.module:
        for file in binaries.directory(BY_NAME[image.module]).iterdir():
            os.link(file, context / file.name)
    if image.base:
        os.link(BASES[image.base].archive(), context / "root.tar")
    if image.stage == "node":
        shutil.copytree(node_js(), context / "nodejs", symlinks=True)
    return context


def archives_for_node() -> list[Image]:
    return [image for image in IMAGES if image.on_node]
