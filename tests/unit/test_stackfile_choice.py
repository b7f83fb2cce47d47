"""Proves whose stack file counts, and what of it a fork may have."""

from typing import Any

import pytest

from stack.admission import Admission, PullRequest
from stack.models import Category, Condition, DeployRequest, Good, Record
from stack.stackfile import StackFile
from stack.stackfile_choice import BaseFile, as_given, as_it_was_good, by_the_base
from tests.fakes.requests import NOON, deploy
from tests.unit.stack_text import GOOD, load, spoilt

COMMIT = "c" * 40
IMAGES = {"webapp": "registry.test/web:1", "worker": "registry.test/worker:1"}
TEAM = PullRequest(
    repository="acme/shop", number=1, state="open", head="a" * 40, head_repository="acme/shop", base="main", author="ann", by_bot=False
)
FORK = TEAM.model_copy(update={"head_repository": "stranger/shop"})


def request(stack: StackFile | None = None, **changes: Any) -> DeployRequest:
    given = DeployRequest.model_validate({**dict(deploy()), "images": IMAGES, "stack": stack})
    return given.model_copy(update=changes)


def base(text: str | bytes = GOOD, **changes: Any) -> BaseFile:
    content = text if isinstance(text, bytes) else text.encode()
    return BaseFile(
        **{"path": "preview.yaml", "branch": "main", "commit": COMMIT, "kind": "file", "size": len(content), "content": content, **changes}
    )


def admitted(given: DeployRequest, pull: PullRequest = TEAM, file: BaseFile | None = None, template: str = "pr-{pr}") -> Admission:
    return by_the_base(given, pull, file or base(), namespace="pr-1", namespace_template=template)


def test_the_stack_file_of_the_base_counts_without_one_given() -> None:
    found = admitted(request())
    assert found.request is not None
    assert (found.request.stack, found.note) == (load(GOOD), "")


def test_one_that_is_given_and_the_same_needs_no_word() -> None:
    assert admitted(request(load(GOOD))).note == ""


def test_one_that_asks_for_more_does_not_count_and_the_caller_is_told() -> None:
    found = admitted(request(load(spoilt(("connections: 5", "connections: 90"), ("shop.env", "production.env")))))
    assert found.request is not None
    assert found.request.stack == load(GOOD)
    assert found.note == f"the stack file is preview.yaml of main at {COMMIT[:12]}, not the one that was given"


def test_a_container_that_is_not_merged_yet_has_an_image_too_many() -> None:
    found = admitted(request(images={**IMAGES, "frontend": "registry.test/frontend:1"}))
    assert found.request is not None
    assert found.request.images == IMAGES
    assert "names no image frontend" in found.note


BAD: dict[str, tuple[BaseFile, str]] = {
    "missing": (base(kind="missing"), "preview.yaml is not there"),
    "a folder": (base(kind="dir"), "preview.yaml is no file but a dir"),
    "too large": (base(b"", size=70_000), "the file has 70000 bytes; at most 65536 are read"),
    "no text": (base(b"\xff\xfe\x00"), "it is not a text file in UTF-8"),
    "no stack file": (
        base(spoilt(("port: 8080", "privileged: true"))),
        "line 9: webapp.containers.0.privileged: no stack file can ask for this",
    ),
    "an image that was not given": (base(spoilt(("image: worker", "image: jobs"))), "--image jobs=REF is missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_used_starts_nothing_and_is_told_with_its_place(name: str) -> None:
    file, problem = BAD[name]
    found = admitted(request(load(GOOD)), file=file)
    assert (found.request, found.superseded) == (None, "")
    assert found.refusal is not None
    assert found.refusal.category is Category.STACK_FILE
    assert found.refusal.object == f"preview.yaml of main at {COMMIT[:12]}"
    assert problem in found.refusal.detail
    assert "Mend it on main" in found.refusal.resolution


def test_every_problem_is_told_up_to_a_bound() -> None:
    many = GOOD + "".join(f"unknown{number}: 1\n" for number in range(30))
    found = admitted(request(), file=base(many))
    assert found.refusal is not None
    assert "30 problems" in found.refusal.summary
    assert found.refusal.detail.splitlines()[-1] == "and 10 more"


def test_the_app_of_the_base_chooses_the_namespace() -> None:
    given = request(load(spoilt(("app: shop", "app: blog"))))
    found = by_the_base(given, TEAM, base(), namespace="blog-1", namespace_template="{app}-{pr}")
    assert found.refusal is not None
    assert "`shop` belongs into the namespace shop-1, and the request is for blog-1" in found.refusal.detail
    assert by_the_base(given, TEAM, base(), namespace="shop-1", namespace_template="{app}-{pr}").request is not None


WITH_FORKS = spoilt(("required: [GREETING_SECRET]", "required: [GREETING_SECRET], forks: {file: forks.env}"))


def test_a_fork_gets_its_own_source_of_secrets_and_no_way_out() -> None:
    found = admitted(request(), FORK, base(WITH_FORKS))
    assert found.request is not None
    stack = found.request.stack
    assert stack.secrets is not None
    assert (stack.secrets.file, stack.secrets.forks, stack.secrets.required) == ("forks.env", None, ("GREETING_SECRET",))
    assert not stack.network.internet
    assert "it comes from a fork" in found.note
    assert stack.model_copy(update={"secrets": None, "network": load(GOOD).network}) == load(GOOD).model_copy(update={"secrets": None})


def test_nothing_of_the_team_s_source_is_left_for_a_fork() -> None:
    doppler = WITH_FORKS.replace("{file: shop.env,", "{doppler: {project: shop, config: preview},")
    found = admitted(request(), FORK, base(doppler))
    assert found.request is not None
    assert found.request.stack.secrets is not None
    assert (found.request.stack.secrets.doppler, found.request.stack.secrets.file) == (None, "forks.env")


def test_a_fork_without_a_source_of_its_own_has_no_secrets() -> None:
    found = admitted(request(), FORK, base(spoilt((", required: [GREETING_SECRET]", ""))))
    assert found.request is not None
    assert found.request.stack.secrets is None


def test_required_keys_that_no_fork_can_have_are_told_before_anything_is_started() -> None:
    found = admitted(request(), FORK)
    assert found.refusal is not None
    assert found.refusal.category is Category.SECRET_KEY
    assert "GREETING_SECRET" in found.refusal.summary
    assert "secrets.forks" in found.refusal.resolution


def test_the_team_has_its_own_secrets_also_where_forks_have_others() -> None:
    found = admitted(request(), TEAM, base(WITH_FORKS))
    assert found.request is not None
    assert found.request.stack == load(WITH_FORKS)


def test_without_a_forge_the_caller_is_believed() -> None:
    given = request(load(GOOD))
    found = as_given(given)
    assert found.request is not None
    assert (found.request.stack, found.request.id, found.note) == (given.stack, given.id, "")


def test_without_a_forge_and_a_stack_file_nothing_can_be_done() -> None:
    found = as_given(request())
    assert found.refusal is not None
    assert "--stack FILE" in found.refusal.resolution


def record(good: Good | None) -> Record:
    return Record(pr=1, repository="acme/shop", generation=3, kind="deploy", requested_at=NOON, state="ready", changed_at=NOON, good=good)


def test_what_the_clean_up_brings_back_is_what_the_record_keeps() -> None:
    good = deploy("good", commit="0000000")
    asked = request(load(GOOD), id="clean-up", condition=Condition(generation=3), commit="fffffff")
    found = as_it_was_good(asked, record(Good(request=good, generation=3)))
    assert found.request is not None
    assert (found.request.commit, found.request.stack, found.request.id) == ("0000000", good.stack, "clean-up")
    assert found.request.condition == asked.condition


@pytest.mark.parametrize("known", [None, record(None)])
def test_without_anything_good_there_is_nothing_to_bring_back(known: Record | None) -> None:
    assert as_it_was_good(request(condition=Condition(generation=3)), known).superseded
