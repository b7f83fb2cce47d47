"""Makes things in the user's cache: each once, whole or not at all, whoever else is making it, and not for ever."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from local.locks import exclusive

KEPT = 3  # makes of the same thing: this checkout's, another's, and the one before


def make_once(artefact: Path, make: Callable[[Path], None]) -> None:
    """Calls `make` with a place beside the artefact's, and renames what it made when it is complete.

    A second process waits and then finds it done; what a killed one left is removed. Raises what `make` raises.
    """
    with exclusive(artefact.with_name(f"{artefact.name}.lock"), f"another process that makes {artefact.name}"):
        if artefact.exists():
            return
        draft_prefix = f".{artefact.name}-"
        for left in artefact.parent.glob(f"{draft_prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=artefact.parent, prefix=draft_prefix) as scratch:
            draft = Path(scratch) / artefact.name
            make(draft)
            draft.replace(artefact)


def forget_old(folder: Path, pattern: str) -> None:
    """Removes all but the KEPT newest artefacts whose names match the glob pattern."""
    newest_first = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[KEPT:]:
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
