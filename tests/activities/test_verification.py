"""Proves that each check passes at once when all is well, waits for what is only late, and otherwise says what is wrong."""

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.verification import VerificationActivities
from gateways.cluster import Object
from gateways.web import Answer
from stack.errors import PreviewError, UnavailableError
from stack.models import Attempt, Category, Check
from stack.settings import Settings
from stack.stackfile import Smoke
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import attempt
from tests.fakes.surroundings import MarkedDatabases

PAGE = "https://pr-1.preview.test"
UI = "https://temporal-pr-1.preview.test"
API = f"{UI}/api/v1/namespaces/default"
FINE = Answer(200, "fine")


class Pages:
    """`Web` whose pages answer one thing after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers = {PAGE: [FINE], UI: [FINE], API: [FINE]}
        self.asked: list[str] = []

    async def get(self, url: str) -> Answer:
        self.asked.append(url)
        answers = self.answers[url]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Temporals:
    """`Frontends` with one server."""

    def __init__(self) -> None:
        self.is_serving, self.is_polled, self.failure, self.late = True, {"default"}, "", 0
        self.addresses: set[str] = set()
        self.runs: list[tuple[str, str, str]] = []

    def _reach(self, address: str) -> None:
        self.addresses.add(address)
        if self.late:
            self.late -= 1
            raise UnavailableError("connect to Temporal", obj=address, answer="connection refused")

    async def serving(self, address: str) -> bool:
        self._reach(address)
        return self.is_serving

    async def polled(self, address: str, task_queues: Sequence[str]) -> frozenset[str]:
        return frozenset(self.is_polled & set(task_queues))

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        raise NotImplementedError

    async def run(self, address: str, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> str:
        self._reach(address)
        self.runs.append((workflow, task_queue, workflow_id))
        return self.failure


class Preview:
    """A stack as the activities see it."""

    def __init__(self, cluster: FakeCluster | None = None, **environment: str) -> None:
        self.pages, self.temporals, self.cluster, self.databases = Pages(), Temporals(), cluster or FakeCluster(), MarkedDatabases()
        self.put_pod("temporal-1", ready=True, address="10.1.1.1")
        self.activities = VerificationActivities(
            self.pages, self.temporals, self.cluster, self.databases, Settings.from_env(environment), patience=timedelta(seconds=0.3)
        )

    def put_secret(self, value: str) -> None:
        data = {"KEY": b64encode(value.encode()).decode()}
        metadata = {"name": "app-secrets", "namespace": "pr-1"}
        self.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    def put_pod(self, name: str, *, ready: bool, address: str, **metadata: str) -> None:
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]}
        labels = {"app.kubernetes.io/component": "temporal"}
        self.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "pr-1", "labels": labels, **metadata},
                "status": status,
            }
        )


@pytest.fixture
def preview() -> Preview:
    return Preview()


async def run(step: Callable[[Attempt], Awaitable[Check]], attempted: Attempt | None = None) -> Check:
    check: Check = await ActivityEnvironment().run(step, attempted or attempt())
    return check


def with_smoke() -> Attempt:
    plain = attempt(generation=3)
    worker = plain.request.stack.temporal.worker.model_copy(update={"smoke": Smoke(workflow="Greet", task_queue="default")})
    temporal = plain.request.stack.temporal.model_copy(update={"worker": worker})
    stack = plain.request.stack.model_copy(update={"temporal": temporal})
    return plain.model_copy(update={"request": plain.request.model_copy(update={"stack": stack})})


async def test_all_is_well_at_once(preview: Preview) -> None:
    started = time.monotonic()
    for step in (preview.activities.verify_page, preview.activities.verify_ui, preview.activities.verify_worker):
        assert (await run(step)).passed
    assert (await run(preview.activities.run_smoke, with_smoke())).passed
    assert time.monotonic() - started < 0.2
    assert preview.pages.asked == [PAGE, UI, API]


async def test_a_page_that_the_ingress_does_not_know_yet_is_waited_for(preview: Preview) -> None:
    preview.pages.answers[PAGE] = [Answer(404, "no route"), Answer(0, "refused"), FINE]
    assert (await run(preview.activities.verify_page)).passed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(502, "bad gateway"), "The page answers 502."),
        (Answer(0, "connection refused"), "The page does not answer."),
        (Answer(302, "", "https://login.test/"), "The page answers 302, a redirect to https://login.test/."),
    ],
)
async def test_a_page_that_does_not_answer_is_shown(preview: Preview, answer: Answer, words: str) -> None:
    preview.pages.answers[PAGE] = [answer]
    diagnosis = (await run(preview.activities.verify_page)).diagnosis
    assert diagnosis is not None
    assert (diagnosis.category, diagnosis.object, diagnosis.summary, diagnosis.detail) == (Category.WEB, PAGE, words, answer.body)


@pytest.mark.parametrize("step", ["verify_page", "verify_ui"])
@pytest.mark.parametrize("answer", [Answer(401, "who are you?"), Answer(302, "", "https://login.test/")])
async def test_a_login_in_front_passes_only_where_the_installation_says_that_there_is_one(step: str, answer: Answer) -> None:
    for guarded in (True, False):
        preview = Preview(PREVIEWS_INGRESS_GUARDED=str(guarded))
        preview.pages.answers = {page: [answer] for page in preview.pages.answers}
        assert (await run(getattr(preview.activities, step))).passed is guarded


async def test_behind_a_login_a_host_that_the_ingress_does_not_know_does_not_pass() -> None:
    preview = Preview(PREVIEWS_INGRESS_GUARDED="true")
    preview.pages.answers[PAGE] = [Answer(404, "no route")]
    assert not (await run(preview.activities.verify_page)).passed


@pytest.mark.parametrize("page", [UI, API])
async def test_a_ui_without_its_server_does_not_pass(preview: Preview, page: str) -> None:
    preview.pages.answers[page] = [Answer(503, "unavailable")]
    diagnosis = (await run(preview.activities.verify_ui)).diagnosis
    assert diagnosis is not None
    assert (diagnosis.category, diagnosis.object) == (Category.UI, page)


async def test_the_ready_pod_is_asked_and_not_the_one_that_ends(preview: Preview) -> None:
    preview.put_pod("temporal-0", ready=True, address="10.1.1.9", deletionTimestamp="2026-03-01T12:00:00Z")
    preview.put_pod("temporal-2", ready=False, address="10.1.1.8")
    assert (await run(preview.activities.verify_worker)).passed
    assert preview.temporals.addresses == {"10.1.1.1:7233"}


async def test_a_server_that_is_late_is_waited_for(preview: Preview) -> None:
    preview.temporals.late = 2
    assert (await run(preview.activities.verify_worker)).passed
    preview.temporals.late = 2
    assert (await run(preview.activities.run_smoke, with_smoke())).passed


@pytest.mark.parametrize("step", ["verify_worker", "run_smoke"])
async def test_a_server_that_cannot_be_reached_is_a_diagnosis(preview: Preview, step: str) -> None:
    preview.temporals.late = 1000
    diagnosis = (await run(getattr(preview.activities, step), with_smoke())).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == Category.TEMPORAL
    assert "connection refused" in diagnosis.detail


async def test_a_stack_without_a_ready_pod_is_a_diagnosis(preview: Preview) -> None:
    preview.cluster.take("Pod", "temporal-1", "pr-1")
    diagnosis = (await run(preview.activities.verify_worker)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == Category.TEMPORAL


async def test_a_server_that_does_not_say_serving_is_a_diagnosis(preview: Preview) -> None:
    preview.temporals.is_serving = False
    diagnosis = (await run(preview.activities.verify_worker)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == Category.TEMPORAL


async def test_a_worker_that_does_not_poll_shows_its_log(preview: Preview) -> None:
    preview.temporals.is_polled = {"another"}
    preview.cluster.logs[("pr-1", "temporal-1", "python-worker", False)] = "cannot connect\nto postgresql://u:hidden@db"
    diagnosis = (await run(preview.activities.verify_worker)).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == Category.WORKER
    assert diagnosis.summary == "No worker polls the task queue default."
    assert "cannot connect" in diagnosis.detail
    assert "hidden" not in diagnosis.detail


async def test_a_smoke_workflow_that_fails_is_run_once_and_shown(preview: Preview) -> None:
    preview.temporals.failure = "ApplicationError: no tea"
    diagnosis = (await run(preview.activities.run_smoke, with_smoke())).diagnosis
    assert diagnosis is not None
    assert diagnosis.category == Category.SMOKE
    assert "no tea" in diagnosis.summary
    assert preview.temporals.runs == [("Greet", "default", "smoke-3-1")]


@pytest.mark.parametrize("step", ["verify_page", "verify_ui", "verify_worker", "run_smoke"])
async def test_no_stack_is_blamed_while_postgresql_is_away(preview: Preview, step: str) -> None:
    preview.pages.answers |= {PAGE: [Answer(503, "no database")], UI: [Answer(503, "no database")]}
    preview.temporals.is_serving, preview.temporals.failure, preview.databases.away = False, "timed out", True
    with pytest.raises(UnavailableError, match="PostgreSQL does not answer"):
        await run(getattr(preview.activities, step), with_smoke())
    preview.databases.away = False
    assert not (await run(getattr(preview.activities, step), with_smoke())).passed


async def test_a_stack_without_a_smoke_workflow_passes(preview: Preview) -> None:
    assert (await run(preview.activities.run_smoke)).passed
    assert preview.temporals.runs == []


SECRET = "correct horse battery"
QUERY = "https://login.test/?code=one-time-code&token=one-time-token"


def break_everything(preview: Preview) -> None:
    """Pages, redirects, the worker's log and its failure all tell the secret."""
    preview.put_secret(SECRET)
    for page in (PAGE, UI, API):
        preview.pages.answers[page] = [Answer(500, f"debug page: KEY is {SECRET}", f"{QUERY}&key={SECRET}")]
    preview.temporals.is_polled = set()
    preview.temporals.failure = f"ApplicationError: {SECRET} was refused"
    preview.cluster.logs[("pr-1", "temporal-1", "python-worker", False)] = f"using {SECRET}\n"


@pytest.mark.parametrize("step", ["verify_page", "verify_ui", "verify_worker", "run_smoke"])
async def test_no_diagnosis_shows_a_value_of_a_secret(preview: Preview, step: str) -> None:
    break_everything(preview)
    diagnosis = (await run(getattr(preview.activities, step), with_smoke())).diagnosis
    assert diagnosis is not None
    text = diagnosis.model_dump_json()
    assert "***" in text
    assert not [word for word in (SECRET, "one-time-code", "one-time-token") if word in text]


class NoSecrets(FakeCluster):
    """Secrets cannot be listed."""

    async def list_objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> Sequence[Object]:
        if kind == "Secret":
            raise self.error
        return await super().list_objects(kind, namespace, selector=selector)

    error: PreviewError = UnavailableError("listing")


@pytest.mark.parametrize("step", ["verify_page", "verify_ui", "verify_worker", "run_smoke"])
async def test_while_the_secrets_cannot_be_read_nothing_is_shown(step: str) -> None:
    preview = Preview(NoSecrets())
    break_everything(preview)
    diagnosis = (await run(getattr(preview.activities, step), with_smoke())).diagnosis
    assert diagnosis is not None
    assert "not shown" in diagnosis.detail
    assert SECRET not in diagnosis.model_dump_json()


async def test_a_stack_that_starts_again_meanwhile_is_waited_for(preview: Preview, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when its node died: the pods were ready before, and will be."""
    asked = 0

    async def is_up(_: str) -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            preview.pages.answers[PAGE] = [FINE]
        return asked > 3

    checks = preview.activities
    monkeypatch.setattr(checks, "_is_up", is_up)
    preview.pages.answers[PAGE] = [Answer(502, "bad gateway")]
    assert (await ActivityEnvironment().run(checks.verify_page, attempt())).passed
    assert asked == 3


@pytest.mark.parametrize(("available", "up"), [(1, True), (0, False)])
async def test_a_stack_is_up_when_every_workload_is_available(preview: Preview, available: int, up: bool) -> None:
    for name, count in (("webapp", 1), ("temporal", available)):
        status = {"availableReplicas": count} if count else {}
        preview.cluster.put({"kind": "Deployment", "metadata": {"name": name, "namespace": "pr-1"}, "status": status})
    assert await preview.activities._is_up("pr-1") is up
