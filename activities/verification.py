"""What a readiness probe cannot know. A stack's own fault is a Check with a diagnosis, not an exception."""

from temporalio import activity

from stack.models import Attempt, Check


class VerificationActivities:
    """Each check is done in milliseconds when all is well, and tries again for some seconds before it gives a diagnosis."""

    @activity.defn
    async def verify_page(self, attempt: Attempt) -> Check:
        """The web page answers 2xx through the public host."""
        raise NotImplementedError

    @activity.defn
    async def verify_ui(self, attempt: Attempt) -> Check:
        """Temporal-ui answers through its public host, and so does the server behind it."""
        raise NotImplementedError

    @activity.defn
    async def verify_worker(self, attempt: Attempt) -> Check:
        """The stack's Temporal is SERVING and the worker polls every task queue. Not for an app that works with another Temporal."""
        raise NotImplementedError

    @activity.defn
    async def run_smoke(self, attempt: Attempt) -> Check:
        """The stack file's smoke workflow completes; passes if none is named. Not for an app that works with another Temporal."""
        raise NotImplementedError
