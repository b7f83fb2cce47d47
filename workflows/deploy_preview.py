"""DeployPreview: makes the stack of a pull request be what the newest request asks for, and proves it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.databases import DatabaseActivities
    from activities.namespaces import NamespaceActivities
    from activities.secrets import SecretActivities
    from activities.verification import VerificationActivities
    from activities.workloads import WorkloadActivities
    from stack.models import Application, Attempt, DeployRequest, Outcome, Request, SecretsReport
    from workflows.baton import DEPLOY_WORKFLOW, TEARDOWN_WORKFLOW, Baton, Closing
    from workflows.owner import Owner, require, together
    from workflows.policies import PREPARE, QUICK, ROLLOUT, TEMPLATE, VERIFY


@workflow.defn(name=DEPLOY_WORKFLOW)
class DeployPreview(Owner):
    """Serves deploy requests; a teardown request ends the attempt and is handed to TeardownPreview under the same workflow ID."""

    serves = DeployRequest
    hands_over_to = TEARDOWN_WORKFLOW

    @workflow.init
    def __init__(self, baton: Baton) -> None:
        super().__init__(baton)

    @workflow.run
    async def run(self, baton: Baton) -> Closing:
        return await self._work()

    async def _attempt(self, request: Request, generation: int) -> Outcome:
        assert isinstance(request, DeployRequest)
        attempt = Attempt(request=request, namespace=self._namespace, generation=generation)
        self._story.enter("preparing")
        await together(self._prepare_namespace(attempt), self._prepare_template(attempt))
        await together(self._create_databases(attempt), self._write_secret(attempt))
        self._story.enter("applying")
        await self._apply(attempt)
        self._story.enter("waiting")
        await self._await_ready(attempt)
        self._story.enter("verifying")
        await together(self._verify_page(attempt), self._verify_ui(attempt), self._verify_temporal(attempt))
        return self._publish(request)

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

    async def _await_ready(self, attempt: Attempt) -> None:
        with self._step("wait"):
            require(
                await workflow.execute_activity_method(
                    WorkloadActivities.await_ready, attempt, **ROLLOUT, summary="until both workloads are ready"
                )
            )

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

    def _publish(self, request: Request) -> Outcome:
        self._story.publish(self._urls)
        return self._outcome(request, "ready", urls=self._urls)
