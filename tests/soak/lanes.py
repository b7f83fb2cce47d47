"""The lanes as the runner sees them: their workers, and what happens in them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.confinement import deployer_may_use
from tests.e2e.platform import ROOT, query
from tests.soak.folder import IDLE, Folder, Phase

TEMPORAL_NAMESPACE = "soak"
"""Of the production Temporal, so that operators' lists stay clean."""
POLL_SECONDS = 0.02
STEP_SECONDS = 60.0
"""How long a run may take to come to a step that it comes to for certain."""


@dataclass(frozen=True, order=True)
class Write:
    """One write of a phase."""

    step: str
    """The activity that did it."""
    key: str
    occurrence: int
    repeatable: bool
    always: bool = True
    """Whether every life without a fault has it; a pod that is still leaving, or an answer that came late, makes one more or less."""


@dataclass
class Lane:
    """One task queue with one worker: an installation of its own, with names that no other's clean-up knows."""

    name: str
    folder: Folder
    task_queue: str
    faults: int = 0
    """Injected so far."""

    def namespace(self, number: int) -> str:
        """Of a pull request (nursery.py says the same to the worker)."""
        return f"soak{self.name}-{number}"

    def begin(self, phase: Phase) -> None:
        """From now on; what happened before is forgotten, but counted."""
        self.count()
        self.folder.begin(phase)

    def count(self) -> None:
        self.faults += sum(line["event"] in {"fired", "unlucky", "killed"} for line in self.folder.journal())

    def end(self) -> None:
        """No more faults."""
        self.begin(IDLE)

    def fired(self, number: int) -> bool:
        """Whether that fault of the phase has happened."""
        return self.folder.is_marked(f"fired-{number}")

    def writes(self) -> list[Write]:
        """Every write of the phase."""
        lines = (line for line in self.folder.journal() if line["event"] == "write")
        return [Write(line["step"], line["key"], line["occurrence"], line["repeatable"]) for line in lines]

    def steps(self) -> list[str]:
        """Activities of the phase, in the order in which they began."""
        return [line["step"] for line in self.folder.journal() if line["event"] == "enter"]

    def recovery(self) -> float:
        """The most seconds after a fault in which the work did not go on."""
        lines = self.folder.journal()
        return round(max((_recovery(lines[i:]) for i, line in enumerate(lines) if line["event"] == "fired"), default=0.0), 1)

    async def held(self, done: Callable[[], bool], limit: float = STEP_SECONDS) -> bool:
        """Whether the worker has come to the step of the phase where it stops. False when `done` says that it never will."""
        return await until(lambda: self.folder.is_marked("held") or done(), limit) and self.folder.is_marked("held")

    def release(self) -> None:
        self.folder.mark("go")

    def kill(self) -> None:
        """SIGKILL to the worker; another one is there at once."""
        if pid := self.folder.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.folder.note("killed", pid=pid)


def _recovery(lines: list[dict[str, Any]]) -> float:
    """Until the step was tried again, and from its end until something else began: a worker had to hear of it first."""
    fired, *after = lines
    after = [line for line in after if line["event"] in {"enter", "leave"}]
    mine = [i for i, line in enumerate(after) if line["step"] == fired["step"]]
    again = next((i for i in mine if after[i]["event"] == "enter" and after[i]["attempt"] > 1), None)
    if again is None:
        return 0.0
    lost: float = after[again]["t"] - fired["t"]
    ended = next((i for i in mine if i > again), len(after))
    if ended + 1 < len(after) and after[ended + 1]["event"] == "enter":
        lost += after[ended + 1]["t"] - after[ended]["t"]
    return lost


async def until(condition: Callable[[], bool], limit: float) -> bool:
    """Looks again and again; False when the time is over."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


@contextmanager
def open_lanes(count: int, folder: Path) -> Iterator[Sequence[Lane]]:
    """So many lanes, each with its worker; none of them outlives the block, nor this process."""
    lanes = [Lane(str(number), Folder(folder / str(number)), f"soak-{number}") for number in range(1, count + 1)]
    for lane in lanes:
        lane.folder.begin(IDLE)
    templates = [f"soak{lane.name}-{{pr}}" for lane in lanes]
    query("INSERT INTO previews.namespaces SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING RETURNING template", templates)
    environment: dict[str, Any] = {
        **os.environ,
        "TEMPORAL_NAMESPACE": TEMPORAL_NAMESPACE,
        "KUBECONFIG": os.environ["PLATFORM_DEPLOYER_KUBECONFIG"],
    }
    command = [sys.executable, "-m", "tests.soak.nursery", *(str(lane.folder.path) for lane in lanes)]
    with (
        deployer_may_use("soak"),
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as nursery,
    ):
        try:
            yield lanes
        finally:
            assert nursery.stdin is not None
            nursery.stdin.close()
            nursery.wait(timeout=20)
