"""The histories of real runs replay with today's code: a change that would break an open workflow is seen before it is deployed.

`histories/*.json` were recorded on the local platform by `python -m tests.replay.record`, one for each way a run can go.
"""

import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from worker import PASSED_THROUGH
from workflows.cleanup_stale_previews import CleanupStalePreviews
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def test_there_are_histories_of_both_workflows() -> None:
    text = "".join(path.read_text() for path in HISTORIES)
    assert '"name": "DeployPreview"' in text
    assert '"name": "TeardownPreview"' in text


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_run_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[DeployPreview, TeardownPreview, CleanupStalePreviews],
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
    )
    await replayer.replay_workflow(history(path))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_run_names_no_machine(path: Path) -> None:
    assert not re.search(r"[0-9]+@|/home/|/root/|/tmp/", path.read_text())
