"""Files that settings name."""

from pathlib import Path

from stack.errors import InvalidInputError


def text_of(path: Path, setting: str) -> str:
    """The text of a file. Raises InvalidInputError that names the setting, and shows nothing of the file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError([f"{setting}: {path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise InvalidInputError([f"{setting}: {path}: it is not a text file in UTF-8"]) from None
