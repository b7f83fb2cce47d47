"""Proves over real HTTP what is learnt of a pull request before it gets a preview."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateways.forge import GitHub
from gateways.pull_requests import GitHubPullRequests
from stack.admission import PullRequest
from stack.errors import RejectedError, UnavailableError
from tests.fakes import github
from tests.fakes.github import BASE, HEAD, TOKEN, Fault, Pull, review

REPOSITORY = "octo/shop"
SUBJECT = (REPOSITORY, 7)
PULL = PullRequest(
    repository=REPOSITORY, number=7, state="open", head=HEAD, head_repository=REPOSITORY, base="main", author="ann", by_bot=False
)


@pytest.fixture
async def stand_in() -> AsyncIterator[github.GitHub]:
    async with github.running() as running:
        running.pulls[SUBJECT] = "open"
        running.more[SUBJECT] = Pull()
        yield running


@pytest.fixture
def forge(stand_in: github.GitHub, tmp_path: Path) -> GitHubPullRequests:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return GitHubPullRequests(GitHub(stand_in.url, file))


async def test_a_pull_request_of_the_team(forge: GitHubPullRequests) -> None:
    assert await forge.pull_request(*SUBJECT) == PULL


async def test_a_fork(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT].head_repository = "stranger/shop"
    found = await forge.pull_request(*SUBJECT)
    assert found is not None
    assert found.head_repository == "stranger/shop"
    assert found.from_fork


async def test_a_fork_that_was_deleted_is_still_one(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT].head_repository = None
    found = await forge.pull_request(*SUBJECT)
    assert found is not None
    assert found.from_fork


async def test_a_bot(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT].author, stand_in.more[SUBJECT].author_type = "dependabot[bot]", "Bot"
    found = await forge.pull_request(*SUBJECT)
    assert found is not None
    assert (found.author, found.by_bot) == ("dependabot[bot]", True)


async def test_a_closed_one(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.pulls[SUBJECT] = "closed"
    found = await forge.pull_request(*SUBJECT)
    assert found is not None
    assert found.state == "closed"


async def test_one_that_the_forge_does_not_know(forge: GitHubPullRequests) -> None:
    assert await forge.pull_request(REPOSITORY, 8) is None


async def test_reviews_in_their_order(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT].reviews = [
        review("lead", "CHANGES_REQUESTED"),
        review("passer-by", association="NONE"),
        review("robot[bot]", kind="Bot"),
        {**review("gone"), "user": None},
        review("lead"),
    ]
    found = await forge.reviews(PULL)
    assert [(each.reviewer, each.state, each.by_bot, each.of_team) for each in found] == [
        ("lead", "CHANGES_REQUESTED", False, True),
        ("passer-by", "APPROVED", False, False),
        ("robot[bot]", "APPROVED", True, True),
        ("lead", "APPROVED", False, True),
    ]


@pytest.mark.parametrize("count", [0, 99, 100, 101, 250])
async def test_all_pages_of_reviews_are_read(forge: GitHubPullRequests, stand_in: github.GitHub, count: int) -> None:
    stand_in.more[SUBJECT].reviews = [review(f"r{number}") for number in range(count)]
    assert [each.reviewer for each in await forge.reviews(PULL)] == [f"r{number}" for number in range(count)]
    assert len(stand_in.asked) == count // 100 + 1


async def test_more_reviews_than_can_be_read_are_for_a_person(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.more[SUBJECT].reviews = [review("x")] * 3000
    with pytest.raises(RejectedError, match="more than 3000"):
        await forge.reviews(PULL)


@pytest.mark.parametrize(
    ("role", "may"), [("admin", True), ("maintain", True), ("write", True), ("triage", False), ("read", False), ("none", False)]
)
async def test_who_may_write(forge: GitHubPullRequests, stand_in: github.GitHub, role: str, may: bool) -> None:
    stand_in.permissions["lead"] = role
    assert await forge.may_write(REPOSITORY, "lead") is may


async def test_who_is_no_collaborator_may_not_write(forge: GitHubPullRequests) -> None:
    assert not await forge.may_write(REPOSITORY, "passer-by")


async def test_the_file_is_read_at_the_newest_commit_of_the_base_branch(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.files[BASE, "deploy/preview.yaml"] = "app: ☕\n".encode()
    found = await forge.base_file(PULL, "deploy/preview.yaml")
    assert (found.kind, found.content, found.commit, found.size) == ("file", "app: ☕\n".encode(), BASE, 9)
    assert stand_in.asked[-1] == f"/repos/octo/shop/contents/deploy/preview.yaml?ref={BASE}"


async def test_a_branch_may_have_any_name(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.branches["release/1.0 ü#?"] = "e" * 40
    stand_in.files["e" * 40, "preview.yaml"] = b"app: shop\n"
    found = await forge.base_file(PULL.model_copy(update={"base": "release/1.0 ü#?"}), "preview.yaml")
    assert (found.kind, found.commit) == ("file", "e" * 40)


async def test_a_file_that_is_not_there(forge: GitHubPullRequests) -> None:
    assert (await forge.base_file(PULL, "preview.yaml")).kind == "missing"


async def test_a_folder_of_that_name(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.files[BASE, "preview.yaml/other"] = b""
    assert (await forge.base_file(PULL, "preview.yaml")).kind == "dir"


async def test_a_file_of_two_megabytes_has_a_size_and_no_content(forge: GitHubPullRequests, stand_in: github.GitHub) -> None:
    stand_in.files[BASE, "preview.yaml"] = b"#" * 2 * 1024 * 1024
    found = await forge.base_file(PULL, "preview.yaml")
    assert (found.size, found.content) == (2 * 1024 * 1024, b"")


async def test_a_base_branch_that_is_gone_is_for_a_person(forge: GitHubPullRequests) -> None:
    with pytest.raises(RejectedError, match="branch gone of octo/shop"):
        await forge.base_file(PULL.model_copy(update={"base": "gone"}), "preview.yaml")


QUESTIONS: dict[str, Callable[[GitHubPullRequests], Awaitable[object]]] = {
    "the pull request": lambda forge: forge.pull_request(*SUBJECT),
    "its reviews": lambda forge: forge.reviews(PULL),
    "a permission": lambda forge: forge.may_write(REPOSITORY, "lead"),
    "the file": lambda forge: forge.base_file(PULL, "preview.yaml"),
}
FAULTS = [
    Fault(429, {"retry-after": "60"}),
    Fault(403, {"x-ratelimit-remaining": "0"}),
    Fault(503),
    Fault(0),
    Fault(200, {}, "<html>sign in</html>"),
    Fault(200, {}, "7"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.status} {fault.headers or fault.body}")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_no_answer_now_is_asked_again_later(forge: GitHubPullRequests, stand_in: github.GitHub, question: str, fault: Fault) -> None:
    stand_in.faults.append(fault)
    with pytest.raises(UnavailableError):
        await QUESTIONS[question](forge)
    await QUESTIONS[question](forge)


@pytest.mark.parametrize("question", ["the pull request", "the file"])
async def test_json_of_another_shape_is_no_answer(forge: GitHubPullRequests, stand_in: github.GitHub, question: str) -> None:
    stand_in.faults.append(Fault(200, {}, '{"status": "ok"}'))
    with pytest.raises(UnavailableError, match="is it the forge's API"):
        await QUESTIONS[question](forge)


@pytest.mark.parametrize("status", [401, 403, 410])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_refusal_is_for_a_person(forge: GitHubPullRequests, stand_in: github.GitHub, question: str, status: int) -> None:
    stand_in.faults.append(Fault(status))
    with pytest.raises(RejectedError, match="PREVIEWS_FORGE_TOKEN_FILE") as caught:
        await QUESTIONS[question](forge)
    assert TOKEN not in str(caught.value)
