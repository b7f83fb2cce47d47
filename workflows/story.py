"""What operators see in temporal-ui while a run is open: its phase and a table of steps and times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from stack.errors import cut
from stack.models import DeployRequest, ExtendRequest, Outcome, Request, Urls
from workflows.attributes import COMMIT, HELD_BY, PHASE, PR, REPOSITORY, URL

KEYWORD_LIMIT = 200
"""Characters of a search attribute that is a keyword; the server takes no more than 255."""


@dataclass
class Step:
    """One line of the table."""

    name: str
    started: datetime
    ended: datetime | None = None
    failed: bool = False

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else round((self.ended - self.started).total_seconds(), 3)

    def row(self) -> str:
        mark = "failed" if self.failed else "done" if self.ended else "running"
        taken = "" if self.seconds is None else f"{self.seconds:.2f} s"
        return f"| {self.name} | {mark} | {self.started:%H:%M:%S} | {taken} |"


class Story:
    """Tells one attempt, step by step."""

    def __init__(self) -> None:
        self._title = "waiting for a request"
        self._steps: list[Step] = []
        self._held = ""
        self._series = ""
        self.phase = "queued"

    def begin(self, request: Request, title: str) -> None:
        """A new attempt starts: search attributes say for what."""
        self._title, self._steps, self._series = title, [], ""
        self.phase = "claiming"
        workflow.upsert_search_attributes([PHASE.value_set(self.phase), PR.value_set(request.pr), REPOSITORY.value_set(request.repository)])
        self._tell()

    def accept(self, request: Request) -> None:
        """The request counts: operators find the run by its commit from now on."""
        self._commit(request.commit if isinstance(request, DeployRequest) else None)

    def show(self, outcome: Outcome) -> None:
        """Nothing was done: this is how the pull request is since before."""
        self._commit(outcome.sha)
        self.enter(outcome.state)
        self.publish(outcome.urls)

    def _commit(self, commit: str | None) -> None:
        workflow.upsert_search_attributes([COMMIT.value_unset() if commit is None else COMMIT.value_set(commit)])

    def enter(self, phase: str) -> None:
        """The attempt is now in this phase; operators can search for it."""
        self.phase = phase
        workflow.upsert_search_attributes([PHASE.value_set(phase)])

    def publish(self, urls: Urls | None) -> None:
        """Where the preview answers, or that it no longer does."""
        workflow.upsert_search_attributes([URL.value_unset() if urls is None else URL.value_set(urls.webapp)])
        if urls is not None:
            self._title = f"{self._title}\n\n[{urls.webapp}]({urls.webapp}) · [temporal-ui]({urls.temporal_ui})"
        self._tell()

    def hold(self, held: str) -> None:
        """Something does not go away: operators find the run by that and read what holds it. Empty: nothing any more."""
        if held == self._held:
            return
        self._held = held
        change = HELD_BY.value_set(cut(held, KEYWORD_LIMIT)) if held else HELD_BY.value_unset()
        workflow.upsert_search_attributes([change, PHASE.value_set("stuck" if held else self.phase)])
        self._tell()

    @contextmanager
    def series(self, name: str) -> Iterator[None]:
        """The steps inside are told apart from those of the same names before them."""
        before, self._series = self._series, f"{name}: "
        try:
            yield
        finally:
            self._series = before

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times one step and shows it while it runs."""
        step = Step(self._series + name, workflow.now())
        self._steps.append(step)
        self._tell()
        try:
            yield
        except GeneratorExit:
            raise  # the worker ends and lets go of the run, which goes on elsewhere: nothing has ended
        except BaseException:
            self._end(step, failed=True)
            raise
        self._end(step)

    def _end(self, step: Step, *, failed: bool = False) -> None:
        step.ended, step.failed = workflow.now(), failed
        self._tell()

    def seconds(self) -> dict[str, float]:
        """Step → seconds, for the steps that have ended."""
        return {step.name: step.seconds for step in self._steps if step.seconds is not None}

    def running(self) -> str:
        """Names of the steps that are running, for people, and what holds them up."""
        names = ", ".join(step.name for step in self._steps if step.ended is None)
        return f"{names} · held by {self._held}" if self._held else names

    def has_done(self, name: str) -> bool:
        """Whether a step of that name has ended well."""
        return any(step.name == name and step.ended is not None and not step.failed for step in self._steps)

    def _tell(self) -> None:
        table = "\n".join(["| step | state | since | took |", "| --- | --- | --- | --- |", *(step.row() for step in self._steps)])
        held = f"\n\n**Held by:** {self._held}" if self._held else ""
        workflow.set_current_details(f"{self._title}{held}\n\n{table}")


def title_of(request: Request) -> str:
    """What the run is about, for the head of its details."""
    subject = f"Pull request {request.pr} of {request.repository}"
    if isinstance(request, DeployRequest):
        return f"{subject}: commit {request.commit}"
    if isinstance(request, ExtendRequest):
        return f"{subject}: another expiry for generation {request.generation}"
    return f"{subject}: teardown ({request.reason})"
