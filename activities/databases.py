"""Steps that make and drop a stack's databases on the shared PostgreSQL."""

from temporalio import activity

from stack.models import Attempt, ReceiptItem, Removal


class DatabaseActivities:
    """The template of a Temporal version, a stack's roles and databases, and their end."""

    @activity.defn
    async def prepare_template(self, attempt: Attempt) -> None:
        """Makes sure that the template databases of the attempt's Temporal version exist; made once, under a lock."""
        raise NotImplementedError

    @activity.defn
    async def create_databases(self, attempt: Attempt) -> None:
        """Passwords into the Secret (create-only), then roles with these passwords, then the clones. Needs the namespace."""
        raise NotImplementedError

    @activity.defn
    async def drop_databases(self, removal: Removal) -> tuple[ReceiptItem, ...]:
        """Drops databases and roles; every item says whether it was seen gone and what holds it otherwise."""
        raise NotImplementedError
