"""Where an application's secrets come from: env files in a folder of the worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class SecretSource(Protocol):
    """A place that holds secrets by name."""

    async def read(self, name: str) -> Mapping[str, str]:
        """Key → value. Raises MissingSecretError when there is no such source, RejectedError when it cannot be understood."""


class EnvFiles:
    """`SecretSource` over a folder of env files."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def read(self, name: str) -> Mapping[str, str]:
        raise NotImplementedError
