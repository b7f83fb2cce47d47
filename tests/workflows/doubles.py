"""Doubles for all activities: real activities under the real names, that note what was asked of them and do as a test says."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from stack.admission import Admission, Admitting
from stack.claims import Claiming, Settlement
from stack.models import (
    Application,
    Attempt,
    Check,
    Claim,
    Good,
    Outcome,
    ReceiptItem,
    Removal,
    SecretsReport,
    Urls,
)
from stack.stackfile_choice import as_given

MIDNIGHT = datetime(2026, 5, 5, tzinfo=UTC)
URLS = Urls(webapp="http://pr-7.test", temporal_ui="http://temporal-pr-7.test")


class World:
    """What the activities do. `calls` holds `step:generation` in the order in which the steps began;
    `timeline` holds their ends too, as `end step:generation`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.timeline: list[str] = []
        self.settled: list[Settlement] = []
        self.applied: list[str] = []
        """Commits, in the order in which they were applied."""
        self.claims: dict[str, int] = {}
        self.answers: dict[str, Callable[[], Any]] = {}
        self.good: Good | None = None
        """What every claim says to be running well."""
        self.admitted: list[str] = []
        """Commits of which was asked whether they may be deployed, in that order."""
        self.gates: dict[str, asyncio.Event] = {}
        self.begun: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def block(self, step: str) -> asyncio.Event:
        """The step will wait, heartbeating, until the event is set (or it is cancelled)."""
        self.gates[step] = asyncio.Event()
        return self.gates[step]

    def came_before(self, earlier: str, later: str) -> bool:
        """Whether one entry of the timeline came before another; both must be there."""
        return self.timeline.index(earlier) < self.timeline.index(later)

    async def perform(self, step: str, generation: int, default: Any = None) -> Any:
        self.calls.append(f"{step}:{generation}")
        self.timeline.append(self.calls[-1])
        self.begun[step].set()
        try:
            while step in self.gates and not self.gates[step].is_set():
                activity.heartbeat(f"waiting at {step}")
                await asyncio.sleep(0.02)
            return self.answers[step]() if step in self.answers else default
        finally:
            self.timeline.append(f"end {step}:{generation}")

    def activities(self) -> list[Callable[..., Any]]:
        return [getattr(self, name) for name in STEPS]

    @activity.defn(name="admit")
    async def admit(self, admitting: Admitting) -> Admission:
        """Not among the calls: it has no generation. A test answers for one commit, as `admit COMMIT`."""
        commit = admitting.request.commit
        self.admitted.append(commit)
        self.begun[f"admit {commit}"].set()
        while (gate := self.gates.get(f"admit {commit}")) and not gate.is_set():
            activity.heartbeat(f"asking about {commit}")
            await asyncio.sleep(0.02)
        answer = self.answers.get(f"admit {commit}", lambda: as_given(admitting.request))
        admission: Admission = answer()
        return admission

    @activity.defn(name="claim")
    async def claim(self, claiming: Claiming) -> Claim:
        if claiming.after is not None:
            self.claims[claiming.request.id] = claiming.after + 1
        generation = self.claims.setdefault(claiming.request.id, max(self.claims.values(), default=0) + 1)
        urls = URLS if claiming.request.kind == "deploy" else None
        default = Claim(generation=generation, accepted=True, urls=urls, good=self.good, expires_at=MIDNIGHT)
        claim: Claim = await self.perform("claim", generation, default)
        return claim

    @activity.defn(name="settle")
    async def settle(self, settlement: Settlement) -> None:
        self.settled.append(settlement)
        await self.perform("settle", settlement.outcome.generation)

    @activity.defn(name="extend")
    async def extend(self, claiming: Claiming) -> Claim:
        outcome = Outcome(request_id=claiming.request.id, state="ready", pr=7, generation=1, sha="aaaaaaa", urls=URLS, note="pinned")
        claim: Claim = await self.perform("extend", 1, Claim(generation=1, accepted=True, current=outcome))
        return claim

    @activity.defn(name="check_images")
    async def check_images(self, attempt: Attempt) -> Check:
        return await self._check("check_images", attempt)

    @activity.defn(name="prepare_namespace")
    async def prepare_namespace(self, attempt: Attempt) -> None:
        await self.perform("prepare_namespace", attempt.generation)

    @activity.defn(name="prepare_template")
    async def prepare_template(self, attempt: Attempt) -> None:
        await self.perform("prepare_template", attempt.generation)

    @activity.defn(name="create_databases")
    async def create_databases(self, attempt: Attempt) -> None:
        await self.perform("create_databases", attempt.generation)

    @activity.defn(name="write_secret")
    async def write_secret(self, attempt: Attempt) -> SecretsReport:
        report: SecretsReport = await self.perform("write_secret", attempt.generation, SecretsReport(keys=("KEY",), fingerprint="f"))
        return report

    @activity.defn(name="apply_stack")
    async def apply_stack(self, application: Application) -> None:
        assert application.secrets.keys == ("KEY",)
        self.applied.append(application.attempt.request.commit)
        await self.perform("apply_stack", application.attempt.generation)

    @activity.defn(name="await_ready")
    async def await_ready(self, attempt: Attempt) -> Check:
        return await self._check("await_ready", attempt)

    @activity.defn(name="verify_page")
    async def verify_page(self, attempt: Attempt) -> Check:
        return await self._check("verify_page", attempt)

    @activity.defn(name="verify_ui")
    async def verify_ui(self, attempt: Attempt) -> Check:
        return await self._check("verify_ui", attempt)

    @activity.defn(name="verify_worker")
    async def verify_worker(self, attempt: Attempt) -> Check:
        return await self._check("verify_worker", attempt)

    @activity.defn(name="run_smoke")
    async def run_smoke(self, attempt: Attempt) -> Check:
        return await self._check("run_smoke", attempt)

    @activity.defn(name="delete_namespace")
    async def delete_namespace(self, removal: Removal) -> ReceiptItem:
        gone = ReceiptItem(object=f"Namespace {removal.namespace}", existed=True, seen_gone=True, seconds=0.1)
        item: ReceiptItem = await self.perform("delete_namespace", removal.generation, gone)
        return item

    @activity.defn(name="drop_databases")
    async def drop_databases(self, removal: Removal) -> tuple[ReceiptItem, ...]:
        await self.perform("drop_databases", removal.generation)
        return (ReceiptItem(object="Database pr_7_temporal", existed=True, seen_gone=True, seconds=0.1),)

    async def _check(self, step: str, attempt: Attempt) -> Check:
        check: Check = await self.perform(step, attempt.generation, Check())
        return check


STEPS = (
    "admit",
    "claim",
    "settle",
    "extend",
    "check_images",
    "prepare_namespace",
    "prepare_template",
    "create_databases",
    "write_secret",
    "apply_stack",
    "await_ready",
    "verify_page",
    "verify_ui",
    "verify_worker",
    "run_smoke",
    "delete_namespace",
    "drop_databases",
)
