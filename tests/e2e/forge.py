"""A worker that knows a forge, and the forge: a stand-in for GitHub over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.own_worker import own_worker, served
from tests.e2e.platform import REPOSITORY, Preview, Result, example_stack, starter
from tests.fakes.github import BASE, TOKEN, GitHub, Pull, running


@dataclass(frozen=True)
class Forge:
    """The stand-in, and the environment of a starter.py that asks the worker."""

    github: GitHub
    environment: dict[str, str]

    def open(self, preview: Preview, **more: Any) -> Pull:
        """The preview's pull request is open and, unless more is said of it, of the team. Its deploys go to the worker that knows so."""
        preview.environment = self.environment
        self.github.pulls[REPOSITORY, preview.pr] = "open"
        self.github.more[REPOSITORY, preview.pr] = Pull(**{"head_repository": REPOSITORY, **more})
        return self.github.more[REPOSITORY, preview.pr]

    def merge(self, stack: dict[str, Any]) -> None:
        """This is the stack file of the base branch from now on."""
        self.github.files[BASE, "preview.yaml"] = yaml.safe_dump(stack).encode()

    def cleanup(self, *words: str) -> dict[str, dict[str, str]]:
        """Namespace → category and fate."""
        result = starter("cleanup", "--json", *words, environment=self.environment)
        assert result.code == 0, result
        return {line["entry"]["namespace"]: {"why": line["entry"]["category"], "fate": line["fate"]} for line in result.outcome["lines"]}

    def deploy_without_stack(self, preview: Preview, sha: str) -> Result:
        """As a job does that has not checked out what strangers wrote."""
        images = [word for image in preview.images for word in ("--image", image)]
        return starter(
            "deploy", "--pr", str(preview.pr), "--repo", REPOSITORY, "--sha", sha, "--json", *images, environment=self.environment
        )


@contextmanager
def forge_and_worker(folder: Path, **settings: str) -> Iterator[Forge]:
    """On a task queue of its own: the platform's worker has no token."""
    token = folder / "forge-token"
    token.write_text(TOKEN)
    with (
        served(running) as github,
        own_worker(PREVIEWS_FORGE_URL=github.url, PREVIEWS_FORGE_TOKEN_FILE=str(token), **settings) as environment,
    ):
        forge = Forge(github, environment)
        forge.merge(example_stack())
        yield forge
