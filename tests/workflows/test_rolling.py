"""Workers come and go while a run is open: the run goes on with whoever is there."""

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import ServiceClient
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.workflows.conftest import Desk, outcome_of
from tests.workflows.doubles import World
from worker import PASSED_THROUGH
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview


def worker(client: Client, task_queue: str, world: World) -> Worker:
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[DeployPreview, TeardownPreview],
        activities=world.activities(),
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
        graceful_shutdown_timeout=timedelta(seconds=5),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
    )


async def test_a_worker_that_drains_finishes_its_step_and_another_one_goes_on(client: Client) -> None:
    desk, first, second = Desk(client), World(), World()
    gate = first.block("await_ready")
    async with worker(client, desk.task_queue, first) as draining:
        handle, request = await desk.deploy("aaaaaaa")
        await first.begun["await_ready"].wait()
        ending = asyncio.create_task(draining.shutdown())
        await asyncio.sleep(0.3)
        gate.set()
        await ending
    assert "end await_ready:1" in first.timeline
    async with worker(client, desk.task_queue, second):
        assert outcome_of(await handle.result(), request).state == "ready"
    assert "await_ready:1" not in second.calls, "a step that was finished while draining is not done again"
    assert "verify_page:1" in first.calls + second.calls


async def test_two_workers_at_once_serve_one_pull_request_in_order(client: Client) -> None:
    desk, world = Desk(client), World()
    config = client.config()
    other = Client(**{**config, "service_client": await ServiceClient.connect(config["service_client"].config)})
    async with worker(client, desk.task_queue, world), worker(other, desk.task_queue, world):
        for minute, commit in enumerate(["aaaaaaa", "bbbbbbb", "ccccccc"]):
            handle, request = await desk.deploy(commit, minute=minute)
            assert outcome_of(await handle.result(), request).state == "ready"
    assert world.applied == ["aaaaaaa", "bbbbbbb", "ccccccc"]
