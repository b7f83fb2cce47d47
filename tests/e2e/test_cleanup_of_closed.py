"""A pull request whose closing nobody told us of: the clean-up asks the forge, here a stand-in for GitHub over real HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.own_worker import own_worker, served
from tests.e2e.platform import REPOSITORY, Footprint, Preview, starter
from tests.fakes.github import TOKEN, Fault, GitHub, running


@dataclass(frozen=True)
class Forge:
    """The stand-in, and the environment of a worker and of a starter.py that know it."""

    github: GitHub
    environment: dict[str, str]

    def cleanup(self, *words: str) -> dict[str, dict[str, str]]:
        """Namespace → category and fate."""
        result = starter("cleanup", "--json", *words, environment=self.environment)
        assert result.code == 0, result
        return {line["entry"]["namespace"]: {"why": line["entry"]["category"], "fate": line["fate"]} for line in result.outcome["lines"]}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """With a worker of its own on a task queue of its own: the platform's worker has no token."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with served(running) as github, own_worker(PREVIEWS_FORGE_URL=github.url, PREVIEWS_FORGE_TOKEN_FILE=str(token)) as environment:
        yield Forge(github, environment)


def test_a_closed_pull_request_loses_its_preview_and_an_open_one_keeps_it(forge: Forge, new_preview: Callable[[], Preview]) -> None:
    closed, wanted, hidden = (new_preview() for _ in range(3))
    for preview in (closed, wanted, hidden):
        preview.environment = forge.environment
        assert preview.deploy("1111111").code == 0
    forge.github.pulls |= {(REPOSITORY, closed.pr): "closed", (REPOSITORY, wanted.pr): "open"}
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
