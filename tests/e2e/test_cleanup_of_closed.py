"""A pull request whose closing nobody told us of: the clean-up asks the forge, here a stand-in for GitHub over real HTTP."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pytest

from tests.e2e.platform import REPOSITORY, ROOT, Footprint, Preview, starter
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
    with _served() as github:
        environment = {
            "PREVIEWS_TASK_QUEUE": f"closed-{uuid.uuid4().hex[:8]}",
            "PREVIEWS_FORGE_URL": github.url,
            "PREVIEWS_FORGE_TOKEN_FILE": str(token),
        }
        worker = subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py")], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield Forge(github, environment)
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0


@contextmanager
def _served() -> Iterator[GitHub]:
    """The stand-in in a thread with a loop of its own, while the test waits for programs."""
    served: Queue[tuple[GitHub, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        async with running() as github:
            served.put((github, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    github, loop, stop = served.get(timeout=10)
    try:
        yield github
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


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
