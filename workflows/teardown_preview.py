"""TeardownPreview: takes everything away that a pull request has, looks that it is gone, and says so item by item."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.databases import DatabaseActivities
    from activities.removal import RemovalActivities
    from stack.models import Outcome, Receipt, ReceiptItem, Removal, Request, TeardownRequest
    from workflows.baton import DEPLOY_WORKFLOW, TEARDOWN_WORKFLOW, Baton, Closing
    from workflows.owner import Owner, together
    from workflows.policies import DELETE


@workflow.defn(name=TEARDOWN_WORKFLOW)
class TeardownPreview(Owner):
    """Serves teardown requests; a deploy request that arrives meanwhile waits until everything is gone."""

    serves = TeardownRequest
    hands_over_to = DEPLOY_WORKFLOW

    @workflow.init
    def __init__(self, baton: Baton) -> None:
        super().__init__(baton)
        self._items: list[ReceiptItem] = []

    @workflow.run
    async def run(self, baton: Baton) -> Closing:
        return await self._work()

    def _is_overtaken(self) -> bool:
        """Half gone is no state to deploy into: a reopen waits."""
        return False

    async def _attempt(self, request: Request, generation: int) -> Outcome:
        assert isinstance(request, TeardownRequest)
        removal = Removal(request=request, namespace=self._namespace, generation=generation)
        self._items = []
        self._story.enter("removing")
        await together(self._remove_namespace(removal), self._drop_databases(removal), stop_at_failure=False)
        self._story.publish(None)
        return self._outcome(request, "gone")

    def _receipt(self) -> Receipt | None:
        return Receipt(items=tuple(self._items)) if self._items else None

    async def _remove_namespace(self, removal: Removal) -> None:
        with self._step("namespace"):
            item = await workflow.execute_activity_method(
                RemovalActivities.delete_namespace, removal, **DELETE, summary=f"namespace {removal.namespace}, until it is seen gone"
            )
        self._items.append(item)

    async def _drop_databases(self, removal: Removal) -> None:
        with self._step("databases"):
            items = await workflow.execute_activity_method(
                DatabaseActivities.drop_databases, removal, **DELETE, summary="databases and roles, until they are seen gone"
            )
        self._items.extend(items)
