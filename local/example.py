"""Builds the example's images from its ordinary Dockerfiles and pushes them to the registry."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local import locks, registry
from local.cache import forget_old, make_once
from local.commands import write
from local.errors import PlatformError
from local.images import IMAGES, Image, build, buildah, buildah_says, save
from local.progress import step
from local.registries import host_settings
from local.settings import PATHS, Ports
from local.worker import PREVIEW_SECRETS

EXAMPLE = PATHS.checkout / "example"
LOG = PATHS.logs / "example.log"
NOT_SOURCE = frozenset({"__pycache__", "node_modules", "dist"})
BASES = tuple(image for image in IMAGES if not image.on_node)


@dataclass(frozen=True)
class ExampleImage:
    """One folder of `example/` with a Dockerfile in it; its tag is made of everything in there."""

    name: str

    @property
    def folder(self) -> Path:
        return EXAMPLE / self.name

    @property
    def key(self) -> str:
        digest = hashlib.sha256(" ".join(base.key for base in BASES).encode())
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            inside = file.relative_to(self.folder)
            if not NOT_SOURCE.intersection(inside.parts):
                digest.update(f"{inside}\n".encode() + file.read_bytes())
        return digest.hexdigest()[:12]

    @property
    def name_here(self) -> str:
        """In buildah's store."""
        return f"localhost/example-{self.name}:{self.key}"

    @property
    def archive(self) -> Path:
        return PATHS.images / f"example-{self.name}-{self.key}.tar"


NAMES = ("webapp", "worker")
SECRET_FILE = PREVIEW_SECRETS / "shop.env"


def images() -> list[str]:
    """Builds and pushes what is not there yet; `webapp=IMAGE` and `worker=IMAGE`. Raises PlatformError when the platform is not up.

    The env file that the example's stack file names is made with them: without it no preview of the example can be deployed.
    """
    holder = locks.owner()
    if holder is None or holder.checkout != PATHS.checkout:
        raise PlatformError("the platform of this checkout is not up: `make up` first")
    _make_secrets()
    return [f"{name}={provide(name, f'shop/{name}')}" for name in NAMES]


def provide(name: str, repository: str) -> str:
    """Reference, by digest, of an image of the example in this repository of the platform's registry. Raises PlatformError."""
    image = ExampleImage(name)
    make_once(image.archive, partial(_build, image))
    forget_old(PATHS.images, f"example-{image.name}-*.tar")
    return registry.provide(image.name_here, f"{repository}:{image.key}", image.archive, Ports.current())


def _make_secrets() -> None:
    """What a person would write by hand. Kept if it is there."""
    if not SECRET_FILE.exists():
        write(SECRET_FILE, f"GREETING_SECRET={secrets.token_hex(32)}\n", 0o600)


def _build(image: ExampleImage, draft: Path) -> None:
    with step(f"build {image.name_here}"), host_settings() as settings:
        for base in BASES:
            _provide_base(base)
        options = ["--layers", "--pull-never", "--network", "host", *settings, "--tag", image.name_here]
        buildah(["bud", *options, image.folder], f"build the example's {image.name}", LOG)
        save(image.name_here, draft, LOG)


def _provide_base(base: Image) -> None:
    """Makes the base's public name mean this make of it in buildah's store, whatever another checkout built there since."""
    build(base)
    exact = f"localhost/{base.stage}:{base.key}"
    if not buildah_says(["images", "--quiet", "--filter", f"reference={exact}"], "list buildah's images").strip():
        buildah(["pull", "--quiet", f"docker-archive:{base.archive}"], f"load {base.name}", LOG)
        buildah(["tag", base.name, exact], f"tag {base.name}", LOG)
    buildah(["tag", exact, base.name], f"tag {base.name}", LOG)
