"""DeployPreview: makes the stack of a pull request be what the newest request asks for, and proves it."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.databases import DatabaseActivities
    from activities.images import ImageActivities
    from activities.namespaces import NamespaceActivities
    from activities.secrets import SecretActivities
    from activities.verification import VerificationActivities
    from activities.workloads import WorkloadActivities
    from stack.baton import DEPLOY_WORKFLOW, TEARDOWN_WORKFLOW, Baton, Closing
    from stack.claims import Claimable
    from stack.models import (
        Absence,
        Application,
        Attempt,
        Category,
        Claim,
        Deployment,
        DeployRequest,
        Good,
        Outcome,
        Removal,
        SecretsReport,
        TeardownRequest,
    )
    from workflows.admitting import Doorkeeper
    from workflows.concurrency import together
    from workflows.explaining import NotReadyError, explain, require
    from workflows.owner import CANCELLED, HaltedError
    from workflows.patches import FULL_LEAVES_NOTHING
    from workflows.policies import PREPARE, QUICK, ROLLOUT, TEMPLATE, VERIFY
    from workflows.removal import Look, Receiving, look_at_databases, look_at_namespace


LOOKS_TO_UNDO = 3
"""Of some twelve seconds each, before what is still there is left to the clean-up."""


@workflow.defn(name=DEPLOY_WORKFLOW)
class DeployPreview(Doorkeeper):
    """Serves deploy requests; a teardown request ends the attempt and is handed to TeardownPreview under the same workflow ID."""

    serves = DeployRequest
    hands_over_to = TEARDOWN_WORKFLOW

    @workflow.init
    def __init__(self, baton: Baton) -> None:
        super().__init__(baton)
        self._absences: list[Absence] = []

    @workflow.run
    async def run(self, baton: Baton) -> Closing:
        return await self._work()

    async def _attempt(self, request: Claimable, claim: Claim) -> Outcome:
        assert isinstance(request, Deployment)
        self._absences = []
        await self._carry_out(self._attempt_of(request, claim), updates=claim.good is not None)
        self._story.publish(self._urls)
        away = self._temporal_away() if claim.good else None
        return self._outcome(request, "ready", urls=self._urls, expires_at=claim.end, temporal_away=away)

    def _attempt_of(self, request: Deployment, claim: Claim) -> Attempt:
        return Attempt(
            request=request,
            namespace=self._namespace,
            generation=claim.generation,
            expires_at=claim.expires_at,
            pinned=claim.pinned,
        )

    async def _carry_out(self, attempt: Attempt, *, updates: bool) -> None:
        """Everything between the claim and the verdict. `updates`: a preview is live, and keeps running until its successor can."""
        self._story.enter("preparing")
        await together(self._prepare_namespace(attempt), self._prepare_template(attempt))
        if updates:
            await self._check_images(attempt)
        await together(self._create_databases(attempt), self._write_secret(attempt))
        self._story.enter("applying")
        await self._apply(attempt)
        self._story.enter("waiting")
        await self._await_ready(attempt)
        self._story.enter("verifying")
        await together(self._verify_page(attempt), self._verify_ui(attempt), self._verify_temporal(attempt))

    async def _failed(self, failed: Outcome, request: Claimable, claim: Claim) -> Outcome:
        """A failed update goes back to what was good; a failed first attempt leaves the evidence, for a while."""
        assert isinstance(request, Deployment)
        if claim.good is not None:
            return await self._go_back(request, failed, claim.good)
        if _has_no_room(failed) and workflow.patched(FULL_LEAVES_NOTHING):
            return await self._withdraw(request, failed, claim)
        return self._keep_evidence(failed, request, claim) if self._story.has_done("namespace") else failed

    async def _withdraw(self, request: Deployment, failed: Outcome, claim: Claim) -> Outcome:
        """There is nothing to look at, and what is kept would take room from others."""
        try:
            removed = await self._remove(request, failed)
        except ActivityError as error:
            if self._halted:
                raise HaltedError from error
            return self._keep_evidence(failed, request, claim)
        is_gone = removed.receipt is not None and all(item.seen_gone for item in removed.receipt.items)
        return removed if is_gone else self._keep_evidence(removed, request, claim)

    def _keep_evidence(self, failed: Outcome, request: Deployment, claim: Claim) -> Outcome:
        if claim.pinned:
            return failed.model_copy(update={"note": "what there is of it stays: it is pinned"})
        until = workflow.now() + request.stack.failed_ttl
        note = f"what there is of it is kept until {until:%Y-%m-%d %H:%M} UTC (failedTtl), then the clean-up takes it"
        return failed.model_copy(update={"note": note, "expires_at": until})

    async def _go_back(self, request: Deployment, ended: Outcome, good: Good) -> Outcome:
        """The last good commit again, under a number of its own: what a lost worker still does of the ended attempt counts no more. The
        verdict stays what it is."""
        before = f"generation {good.generation} (commit {good.request.commit[:12]})"
        try:
            with self._story.series("back"):
                claim = await self._claim(request, after=self._generation)
                await self._carry_out(self._attempt_of(good.request, claim), updates=False)
        except (NotReadyError, ActivityError) as error:
            if self._halted:
                raise HaltedError from error
            return self._undone(ended, note=f"going back to {before} failed as well: {explain(error).summary}")
        self._story.publish(good.urls)
        note = f"{before} runs again as generation {claim.generation}"
        return self._undone(ended, note=note, urls=good.urls, expires_at=claim.end, temporal_away=self._temporal_away())

    def _undone(self, ended: Outcome, **found: Any) -> Outcome:
        return ended.model_copy(update={"generation": self._generation, "seconds": self._story.seconds(), **found})

    async def _take_back(self, request: Claimable, claim: Claim) -> Outcome:
        """A new preview is removed, a live one goes back to what was good."""
        assert isinstance(request, Deployment)
        ended = self._outcome(request, "cancelled", note=CANCELLED)
        return await (self._go_back(request, ended, claim.good) if claim.good else self._remove(request, ended))

    async def _remove(self, request: Deployment, ended: Outcome) -> Outcome:
        """Some looks at each thing. What is still there then, the clean-up takes: a cancelled run does not go on for days."""
        await self._claim(request, after=self._generation)
        teardown = TeardownRequest(**request.model_dump(include={"id", "pr", "repository", "requested_at"}), reason="cancelled")
        removal = Removal(request=teardown, namespace=self._namespace, generation=self._generation)
        receiving = Receiving()
        self._story.enter("removing")
        with self._story.series("undo"):
            await together(
                self._look("namespace", look_at_namespace, removal, receiving),
                self._look("databases", look_at_databases, removal, receiving),
                stop_at_failure=False,
            )
        self._story.publish(None)
        rest = f"still there: {receiving.held}" if receiving.held else "what it had made is gone"
        note = "; ".join(filter(None, (ended.note, rest)))
        return self._undone(ended, note=note, receipt=receiving.receipt())

    async def _look(self, step: str, look: Look, removal: Removal, receiving: Receiving) -> None:
        """Again, if one look was not enough: on a busy machine a namespace takes longer."""
        with self._step(step):
            since = workflow.now()
            for _ in range(LOOKS_TO_UNDO):
                items = await look(removal)
                receiving.take(items, since)
                if all(item.seen_gone for item in items):
                    return

    async def _prepare_namespace(self, attempt: Attempt) -> None:
        with self._step("namespace"):
            await workflow.execute_activity_method(
                NamespaceActivities.prepare_namespace,
                attempt,
                **PREPARE,
                summary=f"namespace {attempt.namespace}, rights, limits, network policies",
            )

    async def _prepare_template(self, attempt: Attempt) -> None:
        with self._step("template"):
            await workflow.execute_activity_method(
                DatabaseActivities.prepare_template,
                attempt,
                **TEMPLATE,
                summary=f"template databases of Temporal {attempt.request.stack.temporal.server}",
            )

    async def _create_databases(self, attempt: Attempt) -> None:
        with self._step("databases"):
            await workflow.execute_activity_method(
                DatabaseActivities.create_databases, attempt, **PREPARE, summary="roles and databases of its own"
            )

    async def _write_secret(self, attempt: Attempt) -> None:
        with self._step("secrets"):
            self._secrets: SecretsReport = await workflow.execute_activity_method(
                SecretActivities.write_secret, attempt, **QUICK, summary="secrets of the application (names only)"
            )

    async def _apply(self, attempt: Attempt) -> None:
        with self._step("apply"):
            application = Application(attempt=attempt, secrets=self._secrets)
            await workflow.execute_activity_method(
                WorkloadActivities.apply_stack, application, **PREPARE, summary=f"workloads of commit {attempt.request.commit[:12]}"
            )

    async def _check_images(self, attempt: Attempt) -> None:
        """Before anything that runs is touched."""
        with self._step("images"):
            require(
                await workflow.execute_activity_method(
                    ImageActivities.check_images, attempt, **ROLLOUT, summary="whether the new images of the temporal pod can be pulled"
                )
            )

    async def _await_ready(self, attempt: Attempt) -> None:
        with self._step("wait"):
            check = await workflow.execute_activity_method(
                WorkloadActivities.await_ready, attempt, **ROLLOUT, summary="until both workloads are ready"
            )
        if check.temporal_away is not None:
            self._absences.append(check.temporal_away)
        require(check)

    def _temporal_away(self) -> float | None:
        """From the first moment without the temporal pod to the one when it was back. None: it was not away, or still is."""
        if not self._absences or (back := self._absences[-1].until) is None:
            return None
        return round((back - self._absences[0].since).total_seconds(), 3)

    async def _verify_page(self, attempt: Attempt) -> None:
        with self._step("page"):
            require(
                await workflow.execute_activity_method(
                    VerificationActivities.verify_page, attempt, **VERIFY, summary="page, by its public host"
                )
            )

    async def _verify_ui(self, attempt: Attempt) -> None:
        with self._step("temporal-ui"):
            require(
                await workflow.execute_activity_method(
                    VerificationActivities.verify_ui, attempt, **VERIFY, summary="temporal-ui, by its public host"
                )
            )

    async def _verify_temporal(self, attempt: Attempt) -> None:
        """Nothing of the stack's own Temporal is asked when the secrets say that the application works with another one."""
        if not self._secrets.sets_temporal_address:
            await together(self._verify_worker(attempt), self._run_smoke(attempt))

    async def _verify_worker(self, attempt: Attempt) -> None:
        with self._step("worker"):
            require(
                await workflow.execute_activity_method(
                    VerificationActivities.verify_worker, attempt, **VERIFY, summary="server SERVING, worker polling its task queues"
                )
            )

    async def _run_smoke(self, attempt: Attempt) -> None:
        if (smoke := attempt.request.stack.temporal.worker.smoke) is None:
            return
        with self._step("smoke"):
            require(
                await workflow.execute_activity_method(
                    VerificationActivities.run_smoke, attempt, **VERIFY, summary=f"smoke workflow {smoke.workflow} in its own Temporal"
                )
            )


def _has_no_room(failed: Outcome) -> bool:
    return failed.diagnosis is not None and failed.diagnosis.category is Category.CAPACITY
