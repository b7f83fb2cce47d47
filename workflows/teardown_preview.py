"""TeardownPreview: takes everything away that a pull request has, looks that it is gone, and says so item by item."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from stack.baton import DEPLOY_WORKFLOW, TEARDOWN_WORKFLOW, Baton, Closing
    from stack.claims import Claimable
    from stack.models import Claim, Outcome, Receipt, Removal, Request, TeardownRequest
    from workflows.concurrency import together
    from workflows.owner import CANCELLED, LongHistoryError, Owner
    from workflows.removal import Look, Receiving, look_at_databases, look_at_namespace, pause_after


@workflow.defn(name=TEARDOWN_WORKFLOW)
class TeardownPreview(Owner):
    """Serves teardown requests; a deploy request that arrives meanwhile waits until everything is gone."""

    serves = TeardownRequest
    hands_over_to = DEPLOY_WORKFLOW

    @workflow.init
    def __init__(self, baton: Baton) -> None:
        super().__init__(baton)
        self._receiving = Receiving()

    @workflow.run
    async def run(self, baton: Baton) -> Closing:
        return await self._work()

    async def _until_overtaken(self, work: "asyncio.Task[Outcome]") -> None:
        """Half gone is no state to deploy into: a reopen waits."""
        await workflow.wait_condition(work.done)

    async def _admit(self, request: Request) -> Claimable:
        """Nobody needs leave to take something away."""
        return self._admitted(request)

    def _admitted(self, request: Request) -> Claimable:
        assert isinstance(request, TeardownRequest)
        return request

    async def _attempt(self, request: Claimable, claim: Claim) -> Outcome:
        assert isinstance(request, TeardownRequest)
        removal = Removal(request=request, namespace=self._namespace, generation=claim.generation)
        self._receiving = Receiving()
        self._story.enter("removing")
        await together(
            self._until_gone("namespace", look_at_namespace, removal),
            self._until_gone("databases", look_at_databases, removal),
            stop_at_failure=False,
        )
        self._story.publish(None)
        return self._outcome(request, "gone")

    async def _until_gone(self, step: str, look: Look, removal: Removal) -> None:
        """Looks again and again, however long it takes, and says meanwhile what holds what is still there."""
        with self._step(step):
            looks, since = 0, workflow.now()
            while True:
                items = await look(removal)
                self._receiving.take(items, since)
                self._story.hold(self._receiving.held)
                if all(item.seen_gone for item in items):
                    return
                looks += 1
                if workflow.info().is_continue_as_new_suggested():
                    raise LongHistoryError
                await workflow.sleep(pause_after(looks), summary=f"before another look at the {step}")

    def _receipt(self) -> Receipt | None:
        return self._receiving.receipt()

    async def _take_back(self, request: Claimable, claim: Claim) -> Outcome:
        """What is gone cannot be brought back."""
        return self._outcome(request, "cancelled", note=f"{CANCELLED}; the clean-up takes what is left")
