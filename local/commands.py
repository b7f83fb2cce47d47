"""Runs other programs to their end and turns a failure into one readable error."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import PlatformError, failed
from local.settings import PYTHON


def run(
    argv: Sequence[object],
    *,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text_in: str | None = None,
) -> str:
    """Returns what the program wrote to standard output. The words of `argv` are strings, paths or numbers.

    `what` is what we wanted from it, as it reads after "could not". Raises PlatformError.
    """
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            env=None if env is None else dict(env),
            cwd=cwd,
            input=text_in,
            stdin=None if text_in is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise PlatformError(f"could not {what}: the program {argv[0]} is missing") from missing
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-15:]
        lines = "\n".join(f"    {line[:400]}" for line in said)
        raise PlatformError(f"could not {what}: {argv[0]} ended with {done.returncode} and said\n{lines}")
    return done.stdout


def run_logged(
    argv: Sequence[object],
    log: Path,
    *,
    what: str,
    advice: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """As `run` for long work: output goes to a log, and its end into the error. Raises PlatformError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        done = subprocess.run(
            [str(word) for word in argv],
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=False,
        )
    if done.returncode != 0:
        raise failed(f"could not {what}: {argv[0]} ended with {done.returncode}", log, advice)


def install_wheel(requirement: str, target: Path) -> None:
    """Unpacks one Python distribution, which may hold any kind of program, into a directory. Raises PlatformError."""
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", target]
    run([*pip, requirement], what=f"install {requirement} from the Python package index")


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replaces a file in one step; nobody ever sees half of it, and a secret is never readable by others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)
    draft.chmod(mode)
    draft.replace(path)
