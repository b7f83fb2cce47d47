"""Where an application's secrets come from: one small Protocol, and the source that a stack file names."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from stack.errors import RejectedError
from stack.stackfile import DopplerConfig, Secrets

Name_contra = TypeVar("Name_contra", contravariant=True)


class SecretSource(Protocol[Name_contra]):
    """A place that holds secrets by name."""

    async def read(self, name: Name_contra) -> Mapping[str, str]:
        """Key → value, byte for byte. Raises MissingSecretError or SecretSourceError for a person, UnavailableError to be asked again.

        No error has a value in it.
        """


class StackSecrets:
    """`SecretSource` by the `secrets` of a stack file: asks the one source that they name."""

    def __init__(self, doppler: SecretSource[DopplerConfig], files: SecretSource[str], cluster: SecretSource[str]) -> None:
        self._doppler, self._files, self._cluster = doppler, files, cluster

    async def read(self, name: Secrets) -> Mapping[str, str]:
        match (name.doppler, name.file, name.secret):
            case (DopplerConfig() as config, None, None):
                return await self._doppler.read(config)
            case (None, str(file), None):
                return await self._files.read(file)
            case (None, None, str(secret)):
                return await self._cluster.read(secret)
            case _:
                raise RejectedError("read secrets", answer="`secrets` of the stack file names none or several sources", remedy="name one")
