"""Steps that make and drop a stack's databases on the shared PostgreSQL."""

from functools import partial
from typing import Any

from temporalio import activity

from activities.heartbeat import heartbeats
from gateways.cluster import Cluster
from gateways.database import Databases
from gateways.records import Records
from gateways.template_job import Templates
from stack.databases import Passwords, database_plan, database_secret, kept_passwords
from stack.manifests.blueprint import Postgres
from stack.models import Attempt, ReceiptItem, Removal
from stack.names import DATABASE_SECRET, Names


class DatabaseActivities:
    """The template of a Temporal version, a stack's roles and databases, and their end."""

    def __init__(self, databases: Databases, templates: Templates, cluster: Cluster, records: Records, postgres: Postgres) -> None:
        """`postgres` is the server as pods see it."""
        self._databases, self._templates = databases, templates
        self._cluster, self._records, self._postgres = cluster, records, postgres

    @activity.defn(name="prepare_template")
    async def prepare_template(self, attempt: Attempt) -> None:
        """Makes sure that the template databases of the attempt's Temporal version exist; made once, under a lock."""
        version = attempt.request.stack.temporal.server
        async with heartbeats(f"template databases of Temporal {version}"):
            await self._templates.ensure(version)

    @activity.defn(name="create_databases")
    async def create_databases(self, attempt: Attempt) -> None:
        """Passwords into the Secret (create-only), then roles with these passwords, then the clones. Needs the namespace.

        Raises OutdatedError.
        """
        confirm = partial(self._records.confirm, Names(attempt.namespace), attempt.generation)
        async with heartbeats(f"roles and databases of {attempt.namespace}"):
            await confirm()
            passwords = await self._passwords(attempt)
            await self._databases.create(database_plan(attempt, passwords), confirm)

    @activity.defn(name="drop_databases")
    async def drop_databases(self, removal: Removal) -> tuple[ReceiptItem, ...]:
        """Drops databases and roles and looks that they are gone; one that is not says what holds it, and the others are released all the
        same. Raises OutdatedError."""
        names = Names(removal.namespace)
        async with heartbeats(f"dropping roles and databases of {removal.namespace}"):
            return await self._databases.drop(names, partial(self._records.confirm, names, removal.generation))

    async def _passwords(self, attempt: Attempt) -> Passwords:
        """Those in the Secret count: whoever was first made them. The URL follows the server's address."""
        there = await self._cluster.read("Secret", DATABASE_SECRET, attempt.namespace)
        passwords = kept_passwords(there)
        secret = self._secret(attempt, passwords)
        if there is None and not await self._cluster.create(secret):
            return await self._passwords(attempt)
        if there is not None and there.get("data") != secret["data"]:
            secret["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
            await self._cluster.apply(secret)
        return passwords

    def _secret(self, attempt: Attempt, passwords: Passwords) -> dict[str, Any]:
        return database_secret(attempt, passwords, self._postgres.host, self._postgres.port, verified=self._postgres.ca is not None)
