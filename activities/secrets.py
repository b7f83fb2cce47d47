"""The step that puts the application's secrets into its namespace."""

from temporalio import activity

from stack.models import Attempt, SecretsReport


class SecretActivities:
    """From the source that the stack file names to one Secret. Values never leave this process except into that Secret."""

    @activity.defn
    async def write_secret(self, attempt: Attempt) -> SecretsReport:
        """Raises MissingSecretError with the names of all required keys that are missing. Needs the namespace."""
        raise NotImplementedError
