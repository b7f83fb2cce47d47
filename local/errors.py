"""The one kind of error that `python -m local` shows as a sentence instead of a traceback."""

from pathlib import Path


class PlatformError(Exception):
    """The message says what failed and what to do about it; a person reads it as it is."""


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, indented, or a note that there are none."""
    try:
        text = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        text = []
    return "\n".join(f"    {line[:300]}" for line in text) or "    (nothing was logged)"


def failed(what: str, log: Path, advice: str) -> PlatformError:
    """An error about a part that keeps a log."""
    return PlatformError(f"{what}\n  end of {log}:\n{tail(log)}\n  {advice}")
