"""An application's secrets from env files in a folder of the worker."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.env_file import EnvFileError, parse_env_file
from stack.errors import MissingSecretError, SecretSourceError

SIZE_LIMIT: Final = 1024 * 1024
"""Bytes: what a Secret can hold."""


class EnvFiles:
    """`SecretSource` over a folder of env files."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def read(self, name: str) -> Mapping[str, str]:
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> Mapping[str, str]:
        path = self._inside(name)
        try:
            if path.stat().st_size > SIZE_LIMIT:
                raise SecretSourceError("read secrets from", obj=f"file {name}", answer="it is larger than 1 MiB")
            return parse_env_file(path.read_bytes().decode("utf-8-sig"))
        except EnvFileError as error:
            raise SecretSourceError("read secrets from", obj=f"file {name}", answer=str(error)) from None
        except UnicodeDecodeError:
            raise SecretSourceError("read secrets from", obj=f"file {name}", answer="it is not UTF-8") from None
        except OSError as error:
            raise MissingSecretError("read secrets from", obj=f"file {name}", answer=error.strerror or "", remedy=REMEDY) from None

    def _inside(self, name: str) -> Path:
        """A file of the folder itself, also after links are followed: a link that leaves it could show any file of the worker."""
        if self._folder is None:
            raise MissingSecretError("read secrets from", obj=f"file {name}", answer="the worker has no folder of secrets", remedy=REMEDY)
        path = (self._folder / name).resolve()
        if Path(name).name != name or not path.is_relative_to(self._folder.resolve()):
            raise SecretSourceError("read secrets from", obj=f"file {name}", answer="it is outside the folder of secrets")
        return path


REMEDY: Final = "PREVIEWS_SECRETS_DIR must name a folder with this file, readable by the worker"
