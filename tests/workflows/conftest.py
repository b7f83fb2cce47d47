"""A real worker on a real Temporal server; the activities are doubles (doubles.py)."""

import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from cli.temporal import Handle, send
from stack.baton import Closing
from stack.models import Deployment, DeployRequest, ExtendRequest, Good, Outcome, Request, TeardownRequest
from stack.stackfile import StackFile
from tests.temporal_namespace import ensure_namespace
from tests.workflows.doubles import URLS, World
from worker import PASSED_THROUGH
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

TESTS = "tests"
"""Temporal namespace of this ring, so that operators' lists stay clean."""

EVENING = datetime(2026, 5, 4, 18, 0, tzinfo=UTC)

STACK = StackFile.model_validate(
    {
        "app": "shop",
        "host": "pr-{pr}.test",
        "webapp": {"containers": [{"name": "backend", "image": "webapp", "port": 8080}]},
        "temporal": {
            "server": "1.32.2",
            "worker": {"image": "worker", "taskQueues": ["default"], "smoke": {"workflow": "Greet", "taskQueue": "default"}},
        },
    }
)


class Desk:
    """Sends requests of one pull request as starter.py does."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.namespace = f"pr-{uuid.uuid4().hex[:12]}"
        self.task_queue = self.namespace

    async def deploy(
        self, commit: str, minute: int = 0, request_id: str | None = None, repository: str = "octo/shop"
    ) -> tuple[Handle, DeployRequest]:
        request = DeployRequest(
            id=request_id or uuid.uuid4().hex,
            pr=7,
            repository=repository,
            requested_at=EVENING + timedelta(minutes=minute),
            commit=commit,
            images={"webapp": "shop:1", "worker": "shop-worker:1"},
            stack=STACK,
        )
        return await self._send(request), request

    async def teardown(self, minute: int = 0) -> tuple[Handle, TeardownRequest]:
        request = TeardownRequest(
            id=uuid.uuid4().hex, pr=7, repository="octo/shop", requested_at=EVENING + timedelta(minutes=minute), reason="closed"
        )
        return await self._send(request), request

    async def extend(self, generation: int) -> tuple[Handle, ExtendRequest]:
        request = ExtendRequest(id=uuid.uuid4().hex, pr=7, repository="octo/shop", requested_at=EVENING, generation=generation, pinned=True)
        return await self._send(request), request

    async def _send(self, request: Request) -> Handle:
        return await send(self.client, self.namespace, request, self.task_queue)


def good(commit: str = "0000000") -> Good:
    """What runs well since before."""
    request = Deployment(
        id="earlier",
        pr=7,
        repository="octo/shop",
        requested_at=EVENING - timedelta(hours=1),
        commit=commit,
        images={"webapp": "shop:0", "worker": "shop-worker:0"},
        stack=STACK,
    )
    return Good(request=request, generation=1, urls=URLS)


def outcome_of(closing: Closing, request: Request) -> Outcome:
    """The outcome of this very request, which must be there."""
    outcome = closing.of(request.id)
    assert outcome is not None, f"no outcome for {request.id} among {closing.outcomes}"
    return outcome


@pytest.fixture(scope="session")
def temporal_address() -> str:
    return os.environ["TEMPORAL_ADDRESS"]


@pytest.fixture
async def client(temporal_address: str) -> Client:
    await ensure_namespace(temporal_address, TESTS)
    return await Client.connect(temporal_address, namespace=TESTS, data_converter=pydantic_data_converter)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def desk(client: Client, world: World) -> AsyncIterator[Desk]:
    desk = Desk(client)
    async with Worker(
        client,
        task_queue=desk.task_queue,
        workflows=[DeployPreview, TeardownPreview],
        activities=world.activities(),
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
    ):
        yield desk
