"""Every line that was ever committed, and those that may be committed next, as files under their paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local.commands import run

ROOT: Final = Path(__file__).parents[2]
ADDED: Final = "+++ b/"
NOWHERE: Final = "+++ /dev/null"


def write_all_lines(folder: Path) -> None:
    """Each line once per path: what was taken out of a file is still in the history, and so it is here. Raises PlatformError."""
    lines: dict[str, dict[str, None]] = {}
    for path, line in _all_lines():
        lines.setdefault(path, {})[line] = None
    for path, kept in lines.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(kept) + "\n")


def _all_lines() -> Iterator[tuple[str, str]]:
    yield from _history()
    for path in _git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        if path and (ROOT / path).is_file():
            yield from ((path, line) for line in (ROOT / path).read_text(errors="replace").splitlines())


def _history() -> Iterator[tuple[str, str]]:
    """The added lines of every commit."""
    path = ""
    log = _git(
        "-c", "core.quotePath=false", "log", "-p", "-m", "--no-renames", "--unified=0", "--format=", "--no-color", "--no-ext-diff", "HEAD"
    )
    for line in log.split("\n"):
        if line.startswith(ADDED):
            path = line.removeprefix(ADDED).rstrip("\t")
        elif line.startswith("+") and path and line != NOWHERE:
            yield path, line[1:]


def _git(*words: str) -> str:
    return run(["git", *words], what="read the history", cwd=ROOT)
