"""What the project asks of a preview's own Temporal."""

from datetime import timedelta
from typing import Protocol


class Frontends(Protocol):
    """Temporal servers by address (host:port). Every method may raise UnavailableError."""

    async def serving(self, address: str) -> bool:
        """Whether the gRPC health of the workflow service says SERVING."""

    async def pollers(self, address: str, task_queue: str) -> int:
        """How many workers have polled the task queue recently, for workflows and for activities; the smaller of the two."""

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        """Registers a Temporal namespace; one that exists already is fine."""

    async def run(self, address: str, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> str:
        """Runs a workflow without arguments to its end. Returns why it failed, empty when it completed; never its result."""
