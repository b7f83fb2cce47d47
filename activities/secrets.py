"""The step that puts the application's secrets into its namespace."""

from temporalio import activity

from activities.applying import apply_as
from gateways.cluster import Cluster, Object
from gateways.records import Records
from gateways.secret_sources import SecretSource
from stack.models import Attempt, SecretsReport
from stack.names import APP_SECRET, Names
from stack.secrets import app_secret, kept_salt, secrets_report, usable
from stack.settings import Settings
from stack.stackfile import Secrets


class SecretActivities:
    """From the source that the stack file names to one Secret. Values never leave this process except into that Secret."""

    def __init__(self, source: SecretSource[Secrets], cluster: Cluster, records: Records, settings: Settings) -> None:
        self._source, self._cluster, self._records, self._settings = source, cluster, records, settings

    @activity.defn(name="write_secret")
    async def write_secret(self, attempt: Attempt) -> SecretsReport:
        """Raises MissingSecretError with the names of all required keys that are missing, SecretSourceError, or OutdatedError.

        Needs the namespace.
        """
        secrets = attempt.request.stack.secrets
        if secrets is None:
            return SecretsReport()
        values = usable(await self._source.read(secrets), secrets, self._settings.production_addresses)
        await self._records.confirm(Names(attempt.namespace), attempt.generation)
        salt = kept_salt(await self._there(attempt))
        await apply_as(self._cluster, app_secret(attempt, values, salt), attempt.generation)
        return secrets_report(values, salt)

    async def _there(self, attempt: Attempt) -> Object | None:
        """The Secret as it is. Where there is none, it is made without values, so that there is a version to apply over: what a worker that
        was frozen still applies is refused."""
        there = await self._cluster.read("Secret", APP_SECRET, attempt.namespace)
        if there is not None:
            return there
        await self._cluster.create(app_secret(attempt, {}, kept_salt(None)))
        return await self._cluster.read("Secret", APP_SECRET, attempt.namespace)
