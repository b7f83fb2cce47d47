"""Proves what the first step of a deploy answers, and that it changes nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.admission import AdmissionActivities
from activities.records import RecordActivities
from gateways.forge import GitHub
from gateways.pull_requests import GitHubPullRequests
from gateways.records import ClusterRecords
from stack.admission import Admission, Admitting
from stack.claims import Claiming, Settlement
from stack.errors import UnavailableError
from stack.models import Category, Condition, DeployRequest, Outcome
from stack.names import Names
from stack.settings import Settings
from tests.fakes import github
from tests.fakes.cluster import FakeCluster
from tests.fakes.github import BASE, HEAD, TOKEN, Fault, Pull, review
from tests.fakes.requests import NOON, REPOSITORY, deploy, teardown
from tests.unit.stack_text import GOOD, load

SUBJECT = (REPOSITORY, 1)
IMAGES = {"webapp": "registry.test/web:1", "worker": "registry.test/worker:1"}


@pytest.fixture
async def stand_in() -> AsyncIterator[github.GitHub]:
    async with github.running() as running:
        running.pulls[SUBJECT] = "open"
        running.more[SUBJECT] = Pull(head_repository=REPOSITORY)
        running.files[BASE, "preview.yaml"] = GOOD.encode()
        yield running


class Door:
    """The step with the stand-in's forge, under the settings of a test."""

    def __init__(self, records: ClusterRecords, url: str, token: Path) -> None:
        self._records, self._forge = records, GitHubPullRequests(GitHub(url, token))

    async def admit(self, request: DeployRequest, **environment: str) -> Admission:
        settings = Settings.from_env(environment)
        activities = AdmissionActivities(self._records, settings, self._forge, clock=lambda: NOON)
        return await ActivityEnvironment().run(activities.admit, Admitting(namespace="pr-1", request=request))


@pytest.fixture
def door(records: ClusterRecords, stand_in: github.GitHub, tmp_path: Path) -> Door:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    return Door(records, stand_in.url, token)


def request(commit: str = HEAD, **changes: Any) -> DeployRequest:
    return DeployRequest.model_validate({**dict(deploy()), "commit": commit, "images": IMAGES, "stack": None, **changes})


def refusal(admission: Admission) -> tuple[str, str]:
    assert admission.request is None
    assert admission.refusal is not None
    return admission.refusal.category, f"{admission.refusal.summary} {admission.refusal.detail} {admission.refusal.resolution}"


async def test_without_a_forge_nobody_is_asked_and_the_caller_is_believed(records: ClusterRecords) -> None:
    activities = AdmissionActivities(records, Settings.from_env({}))
    given = request(stack=load(GOOD))
    admission = await ActivityEnvironment().run(activities.admit, Admitting(namespace="pr-1", request=given))
    assert admission.request is not None
    assert admission.request.model_dump() == given.model_dump()


async def test_a_pull_request_of_the_team_gets_the_stack_file_of_its_base(door: Door, stand_in: github.GitHub) -> None:
    admission = await door.admit(request())
    assert admission.request is not None
    assert admission.request.stack == load(GOOD)
    assert not [path for path in stand_in.asked if "reviews" in path], "nothing is asked that changes nothing"


async def test_the_stack_file_may_be_elsewhere_in_the_repository(door: Door, stand_in: github.GitHub) -> None:
    stand_in.files = {(BASE, "ops/stack.yaml"): GOOD.encode()}
    assert (await door.admit(request(), PREVIEWS_STACK_PATH="ops/stack.yaml")).request is not None
    category, text = refusal(await door.admit(request()))
    assert (category, "preview.yaml is not there" in text) == (Category.STACK_FILE, True)


async def test_a_fork_is_refused_by_default_even_when_approved(door: Door, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop", reviews=[review("lead")])
    stand_in.permissions["lead"] = "admin"
    category, text = refusal(await door.admit(request()))
    assert category == Category.NOT_ADMITTED
    assert "stranger/shop" in text


async def test_an_approved_fork_is_admitted_with_closed_egress_and_no_secrets_of_the_team(door: Door, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop", reviews=[review("passer-by", association="NONE"), review("lead")])
    stand_in.permissions["lead"] = "write"
    stand_in.files[BASE, "preview.yaml"] = GOOD.replace("as: env", "forks: {file: forks.env}, as: env").encode()
    admission = await door.admit(request(), PREVIEWS_FORKS="approved")
    assert admission.request is not None
    assert admission.request.stack.secrets is not None
    assert admission.request.stack.secrets.file == "forks.env"
    assert not admission.request.stack.network.internet


@pytest.mark.parametrize(
    ("reviews", "permissions"),
    [
        ([], {}),
        ([review("passer-by")], {"passer-by": "read"}),
        ([review("nobody")], {}),
        ([review("lead", commit="0" * 40)], {"lead": "admin"}),
        ([review("lead"), review("lead", "DISMISSED")], {"lead": "admin"}),
        ([review("ann")], {"ann": "admin"}),
    ],
)
async def test_a_fork_without_a_good_approval_of_its_head_is_refused(
    door: Door, stand_in: github.GitHub, reviews: list[dict[str, Any]], permissions: dict[str, str]
) -> None:
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop", reviews=reviews)
    stand_in.permissions = permissions
    category, text = refusal(await door.admit(request(), PREVIEWS_FORKS="approved"))
    assert category == Category.NOT_ADMITTED
    assert "nobody with write access has approved" in text


async def test_an_approved_commit_that_is_no_longer_the_head_is_refused(door: Door, stand_in: github.GitHub) -> None:
    newer = "9" * 40
    stand_in.more[SUBJECT] = Pull(head=newer, head_repository="stranger/shop", reviews=[review("lead")])
    stand_in.permissions["lead"] = "admin"
    assert "is not its head" in refusal(await door.admit(request(), PREVIEWS_FORKS="approved"))[1]
    assert "nobody with write access" in refusal(await door.admit(request(newer), PREVIEWS_FORKS="approved"))[1]


@pytest.mark.parametrize(("policy", "admitted"), [("refuse", False), ("allow", True), ("approved", False)])
async def test_a_bot_by_policy(door: Door, stand_in: github.GitHub, policy: str, admitted: bool) -> None:
    stand_in.more[SUBJECT] = Pull(head_repository=REPOSITORY, author="dependabot[bot]", author_type="Bot")
    admission = await door.admit(request(), PREVIEWS_BOTS=policy)
    assert (admission.request is not None) is admitted


async def test_what_the_forge_does_not_show_is_refused(door: Door, stand_in: github.GitHub) -> None:
    del stand_in.pulls[SUBJECT]
    category, text = refusal(await door.admit(request()))
    assert category == Category.NOT_ADMITTED
    assert "token may read" in text


async def test_a_token_that_may_not_ask_is_told(door: Door, stand_in: github.GitHub) -> None:
    stand_in.faults.append(Fault(403))
    category, text = refusal(await door.admit(request()))
    assert category == Category.NOT_ADMITTED
    assert "PREVIEWS_FORGE_TOKEN_FILE" in text


async def test_a_forge_that_is_away_is_asked_again(door: Door, stand_in: github.GitHub) -> None:
    stand_in.faults.append(Fault(503))
    with pytest.raises(UnavailableError):
        await door.admit(request())
    assert (await door.admit(request())).request is not None


async def accepted(records: ClusterRecords, cluster: FakeCluster) -> None:
    """A deploy of a minute after noon is ready."""
    activities = RecordActivities(records, cluster, Settings.from_env({}), clock=lambda: NOON)
    ready = deploy("ready", minutes=1, commit="1111111")
    await ActivityEnvironment().run(activities.claim, Claiming(namespace="pr-1", request=ready))
    outcome = Outcome(request_id="ready", state="ready", pr=1, generation=1, sha="1111111")
    await ActivityEnvironment().run(activities.settle, Settlement(namespace="pr-1", outcome=outcome, good=ready))


async def test_what_is_older_than_the_accepted_request_is_superseded_and_nobody_is_asked(
    door: Door, stand_in: github.GitHub, records: ClusterRecords, cluster: FakeCluster
) -> None:
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop")
    await accepted(records, cluster)
    admission = await door.admit(request())
    assert "a newer request has been accepted before" in admission.superseded
    assert (admission.request, admission.refusal, stand_in.asked) == (None, None, [])
    assert admission.current is not None
    assert admission.current.state == "ready"


async def test_after_a_closing_a_late_job_is_superseded(door: Door, records: ClusterRecords, cluster: FakeCluster) -> None:
    activities = RecordActivities(records, cluster, Settings.from_env({}), clock=lambda: NOON)
    await ActivityEnvironment().run(activities.claim, Claiming(namespace="pr-1", request=teardown(minutes=5)))
    assert (await door.admit(request())).superseded


async def test_a_refusal_leaves_the_record_as_it_is_and_tells_how_the_preview_is(
    door: Door, stand_in: github.GitHub, records: ClusterRecords, cluster: FakeCluster
) -> None:
    await accepted(records, cluster)
    before = await records.read(Names("pr-1"))
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop")
    admission = await door.admit(request(requested_at=NOON.replace(hour=13)))
    assert refusal(admission)[0] == Category.NOT_ADMITTED
    assert admission.current is not None
    assert admission.current.sha == "1111111"
    assert await records.read(Names("pr-1")) == before


async def test_the_clean_up_brings_back_what_the_record_keeps_and_asks_nobody(
    door: Door, stand_in: github.GitHub, records: ClusterRecords, cluster: FakeCluster
) -> None:
    await accepted(records, cluster)
    stand_in.more[SUBJECT] = Pull(head_repository="stranger/shop")
    admission = await door.admit(request(stack=load(GOOD), condition=Condition(generation=1)))
    assert admission.request is not None
    assert (admission.request.commit, admission.request.stack) == ("1111111", deploy().stack)
    assert stand_in.asked == []
