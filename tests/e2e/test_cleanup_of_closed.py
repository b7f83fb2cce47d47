"""A pull request whose closing nobody told us of: the clean-up asks the forge, here a stand-in for GitHub over real HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.forge import Forge, forge_and_worker
from tests.e2e.platform import REPOSITORY, Footprint, Preview, starter
from tests.fakes.github import Fault


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_and_worker(tmp_path) as forge:
        yield forge


def test_a_closed_pull_request_loses_its_preview_and_an_open_one_keeps_it(forge: Forge, new_preview: Callable[[], Preview]) -> None:
    closed, wanted, hidden = (new_preview() for _ in range(3))
    for preview in (closed, wanted, hidden):
        forge.open(preview)
        assert preview.deploy("1111111").code == 0
    forge.github.pulls[REPOSITORY, closed.pr] = "closed"
    del forge.github.pulls[REPOSITORY, hidden.pr]
    ours = {preview.namespace for preview in (closed, wanted, hidden)}
    forge.github.faults = [Fault(503)] * 3
    assert not ours & forge.cleanup("--dry-run").keys(), "a forge that is away closes nothing"
    assert forge.cleanup()[closed.namespace] == {"why": "closed", "fate": "requested"}
    done = starter("teardown", "--pr", str(closed.pr), "--repo", REPOSITORY, "--json", environment=forge.environment)
    assert (done.code, done.outcome["state"]) == (0, "gone"), "it waits for the one that is under way, or finds nothing left"
    there = Footprint.now().namespaces
    assert closed.namespace not in there
    assert {wanted.namespace, hidden.namespace} <= there, "open, and unknown to the forge"
    assert not ours & forge.cleanup("--dry-run").keys()
