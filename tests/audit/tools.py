"""The scanners: installed once into the user's cache, by what they are made of."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from local import binaries
from local.cache import forget_old, make_once
from local.commands import run
from local.modules import KUBE_SCORE
from local.progress import step
from local.settings import PATHS, PYTHON

REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"
KEY: Final = 12


def kube_score() -> Path:
    """The program. Raises PlatformError."""
    PATHS.binaries.mkdir(parents=True, exist_ok=True)
    return binaries.build(KUBE_SCORE) / "kube-score"


def python_tool(module: str, *words: object) -> Sequence[object]:
    """The command line of a tool of requirements.txt, which has an environment of its own. Raises PlatformError."""
    home = PATHS.tools / f"audit-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:KEY]}"
    PATHS.tools.mkdir(parents=True, exist_ok=True)
    make_once(home, _install)
    forget_old(PATHS.tools, f"audit-{'[0-9a-f]' * KEY}")
    return [home / "bin" / "python", "-m", module, *words]


def _install(draft: Path) -> None:
    with step("install the scanners"):
        run([PYTHON, "-m", "venv", draft], what="make an environment for the scanners")
        pip = [draft / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        run([*pip, "-r", REQUIREMENTS], what="install the scanners from the Python package index")
