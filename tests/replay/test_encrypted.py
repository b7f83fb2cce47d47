"""The committed histories as they would be had everything been encrypted: today's code replays them all the same."""

import os
from pathlib import Path

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from gateways.encryption import Encryption, data_converter
from stack.payload_keys import PayloadKeys
from tests.replay.test_replay import HISTORIES, history
from tests.temporal_text import all_of, payloads
from worker import PASSED_THROUGH
from workflows.cleanup_stale_previews import CleanupStalePreviews
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

OLD = PayloadKeys({"old": os.urandom(32)})
ROTATED = PayloadKeys({"new": os.urandom(32), **OLD.by_id})


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_an_encrypted_run_replays_after_a_rotation(path: Path) -> None:
    encrypted = await encrypted_history(history(path))
    assert not [event for event in encrypted.events for payload in payloads(event) if payload.metadata["encoding"] == b"json/plain"]
    replayer = Replayer(
        workflows=[DeployPreview, TeardownPreview, CleanupStalePreviews],
        data_converter=data_converter(ROTATED),
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
    )
    await replayer.replay_workflow(encrypted)


async def encrypted_history(plain: WorkflowHistory) -> WorkflowHistory:
    for event in plain.events:
        for failure in all_of(Failure, event):
            move_text(failure)
        found = list(payloads(event))
        for payload, encrypted in zip(found, await Encryption(OLD).encode(found), strict=True):
            payload.CopyFrom(encrypted)
    return plain


def move_text(failure: Failure) -> None:
    """As the failure converter does it."""
    words = {"message": failure.message, "stack_trace": failure.stack_trace}
    failure.encoded_attributes.CopyFrom(pydantic_data_converter.payload_converter.to_payloads([words])[0])
    failure.message, failure.stack_trace = "Encoded failure", ""
