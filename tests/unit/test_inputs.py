"""Proves that a command line is either a request or refused whole, with every problem and what to write instead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import InvalidInputError
from stack.image_reference import reference_problem
from stack.inputs import DeployWords, TeardownWords, deploy_request, duration, pr_number, teardown_request
from stack.models import DeployRequest, TeardownRequest
from tests.unit.stack_text import GOOD, spoilt

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
SHA = "0123456789abcdef0123456789abcdef01234567"
WORDS = DeployWords(
    pr="7",
    repository="octo/shop",
    commit=SHA,
    images=("webapp=registry.example.com:5000/shop/webapp:1.4", "worker=shop/worker@sha256:" + "a" * 64),
    stack_text=GOOD,
    stack_name="preview.yaml",
)
CLOSING = TeardownWords(pr="7", repository="octo/shop")


def deploy(words: DeployWords) -> DeployRequest:
    return deploy_request(words, request_id="r-1", now=NOW, namespace_template="pr-{pr}")


def teardown(words: TeardownWords) -> TeardownRequest:
    return teardown_request(words, request_id="r-1", now=NOW)


def problems_of(words: DeployWords) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        deploy(words)
    return caught.value.problems


def test_good_words_become_a_request_that_is_dated_now() -> None:
    request = deploy(WORDS)
    assert (request.pr, request.commit, request.requested_at, request.id) == (7, SHA, NOW, "r-1")
    assert request.images["webapp"] == "registry.example.com:5000/shop/webapp:1.4"
    assert DeployRequest.model_validate_json(request.model_dump_json(by_alias=True)) == request


def test_the_time_of_the_event_is_taken_in_every_zone_and_precision() -> None:
    times = ["2026-05-04T11:30:00Z", "2026-05-04T13:30:00+02:00", "2026-05-04T11:30:00.0Z", "2026-05-04T11:30:00.000000Z"]
    assert {deploy(replace(WORDS, requested_at=time)).requested_at for time in times} == {NOW - timedelta(minutes=30)}


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    assert deploy(replace(WORDS, requested_at="2026-05-04T12:59:00Z")).requested_at == NOW + timedelta(minutes=59)


BAD_DEPLOY = {
    "the number zero": ({"pr": "0"}, "--pr 0: write the number of the pull request in plain digits, from 1 to 999999999"),
    "a negative number": ({"pr": "-1"}, "--pr -1: write the number"),
    "a number beyond all": ({"pr": "1" + "0" * 20}, "--pr 100000000000000000000: write the number"),
    "a number in words": ({"pr": "seven"}, "--pr seven: write the number"),
    "full-width digits": ({"pr": "１２"}, r"--pr '\uff11\uff12': write the number of the pull request in plain digits"),
    "a superscript digit": ({"pr": "²"}, r"--pr '\xb2': write the number"),
    "a number with a sign": ({"pr": "+1"}, "--pr +1: write the number"),
    "a number with a space": ({"pr": " 1"}, "--pr ' 1': write the number"),
    "a number with an underscore": ({"pr": "1_000"}, "--pr 1_000: write the number"),
    "a number with a line break": ({"pr": "1\n"}, r"--pr '1\n': write the number"),
    "a number with a zero in front": ({"pr": "007"}, "--pr 007: write the number"),
    "a number with a fraction": ({"pr": "1.0"}, "--pr 1.0: write the number"),
    "no number": ({"pr": ""}, "--pr (empty): write the number"),
    "a repository without an owner": ({"repository": "shop"}, "--repo shop: write OWNER/NAME, such as octo/shop"),
    "a repository with too many parts": ({"repository": "a/b/c"}, "--repo a/b/c: write OWNER/NAME"),
    "the address of a repository": ({"repository": "https://github.com/octo/shop"}, "such as octo/shop, not an address"),
    "a repository with .git": ({"repository": "octo/shop.git"}, "--repo octo/shop.git: leave .git away: octo/shop"),
    "a repository that is a folder above": ({"repository": "../shop"}, "neither the owner nor the name can be"),
    "a repository with a space": ({"repository": "octo/my shop"}, "--repo octo/my shop: write OWNER/NAME"),
    "no repository": ({"repository": ""}, "--repo (empty): write OWNER/NAME"),
    "a commit that is too short": ({"commit": "abc123"}, "--sha abc123: has 6 characters; a commit has 40 (or 64), abbreviated at least 7"),
    "a commit that is too long": ({"commit": SHA + "0"}, "has 41 characters"),
    "a commit in capitals": ({"commit": SHA.upper()}, f"write it in lower case: {SHA}"),
    "a branch instead of a commit": ({"commit": "main"}, "--sha main: write the commit's hash, 40 hexadecimal digits; not a branch"),
    "a commit with a line break": ({"commit": SHA + "\n"}, "write the commit's hash"),
    "no commit": ({"commit": ""}, "--sha (empty): write the commit's hash"),
    "a time without a zone": ({"requested_at": "2026-05-04T11:30:00"}, "write date, time and time zone, such as 2026-05-04T12:00:00Z"),
    "a date alone": ({"requested_at": "2026-05-04"}, "--requested-at 2026-05-04: write date, time and time zone"),
    "seconds since 1970": ({"requested_at": "1777896000"}, "--requested-at 1777896000: write date, time and time zone"),
    "an hour that no day has": ({"requested_at": "2026-05-04T25:00:00Z"}, "write date, time and time zone"),
    "a time before all calendars": ({"requested_at": "0001-01-01T00:00:00+14:00"}, "write date, time and time zone"),
    "a time in words": ({"requested_at": "yesterday"}, "--requested-at yesterday: write"),
    "a time far ahead": ({"requested_at": "2026-05-04T14:00:00Z"}, "is more than an hour ahead (it is 2026-05-04T12:00:00Z now)"),
}


@pytest.mark.parametrize("name", BAD_DEPLOY)
def test_one_bad_word_gives_one_problem_that_says_what_to_write(name: str) -> None:
    changes, expected = BAD_DEPLOY[name]
    problems = problems_of(replace(WORDS, **changes))
    assert len(problems) == 1
    assert expected in problems[0]


BAD_REFERENCES = {
    "nothing": ("", "the reference is empty"),
    "a space inside": ("shop/web app:1", "has no spaces"),
    "a space at the end": ("shop/webapp:1 ", "has no spaces"),
    "a line break": ("shop/webapp:1\n", "has no spaces"),
    "letters beyond ASCII": ("shop/wébapp", "only ASCII characters"),
    "upper case in the name": ("registry.example.com/Shop/webapp:1", "image names are lower case; write shop/webapp"),
    "upper case without a registry": ("Webapp:1", "image names are lower case; write webapp"),
    "300 characters": ("a" * 300, "the name has 300 characters; at most 255"),
    "a scheme": ("https://registry.example.com/shop", "no scheme such as https://"),
    "a colon without a tag": ("shop/webapp:", "`` is no tag"),
    "two tags": ("shop/webapp:1:2", "`1:2` is no tag"),
    "a tag that begins with a dot": ("shop/webapp:.1", "`.1` is no tag"),
    "a tag of 129 characters": ("shop/webapp:" + "1" * 129, "is no tag: 1 to 128"),
    "a tag without a name": (":1", "`` is no part of an image name"),
    "a digest that is too short": ("shop/webapp@sha256:abc", "`@sha256:abc` is no digest"),
    "a digest in capitals": ("shop/webapp@sha256:" + "A" * 64, "64 lower-case hexadecimal digits"),
    "an unknown kind of digest": ("shop/webapp@md5:" + "a" * 32, "is no digest"),
    "two digests": ("a@sha256:" + "a" * 64 + "@sha256:" + "a" * 64, "is no digest"),
    "an image ID": ("a" * 64, "this is an image ID"),
    "an empty part": ("shop//webapp", "`` is no part of an image name"),
    "a slash at the end": ("shop/webapp/", "`` is no part of an image name"),
    "a part that ends in a dash": ("shop-/webapp", "`shop-` is no part of an image name"),
    "two dots in a row": ("sh..op/webapp", "is no registry"),
    "three underscores": ("shop/web___app", "`web___app` is no part of an image name"),
    "a port in words": ("registry.example.com:port/shop", "is no registry"),
    "a registry that begins with a dash": ("-x.example.com/shop", "is no registry"),
}
GOOD_REFERENCES = [
    "webapp",
    "webapp:1.4",
    "shop/webapp",
    "shop/web__app--x.y_z:LATEST_1.2-3",
    "localhost/shop:1",
    "localhost:5000/shop",
    "registry.example.com:5000/a/b/c:1",
    "Registry/shop",
    "10.0.0.1:5000/shop",
    "[2001:db8::1]:5000/shop:1",
    "host:5000",
    "shop@sha256:" + "0" * 64,
    "registry.example.com/shop:1@sha512:" + "f" * 128,
    "a" * 255,
]


@pytest.mark.parametrize("name", BAD_REFERENCES)
def test_what_no_container_runtime_takes_as_an_image_is_refused(name: str) -> None:
    reference, expected = BAD_REFERENCES[name]
    assert expected in reference_problem(reference)
    problems = problems_of(replace(WORDS, images=(f"webapp={reference}", WORDS.images[1])))
    assert len(problems) == 1
    assert problems[0].startswith("--image ")


@pytest.mark.parametrize("reference", GOOD_REFERENCES)
def test_what_a_container_runtime_takes_as_an_image_is_taken(reference: str) -> None:
    assert reference_problem(reference) == ""


BAD_IMAGES = {
    "no name": (("shop/webapp:1",), "--image shop/webapp:1: write NAME=REF, such as webapp=registry.example.com/shop/webapp:1.4"),
    "an empty name": (("=shop/webapp:1",), "write NAME=REF"),
    "a name with a slash": (("a/b=shop/webapp:1",), "write NAME=REF"),
    "a name twice": (("webapp=a:1", "webapp=a:2", "worker=b"), "--image webapp=a:2: `webapp` is given twice; give it once"),
    "an image that is missing": (("webapp=a:1",), "--image worker=REF is missing: preview.yaml names this image"),
    "an image that nobody names": (("webapp=a:1", "worker=b", "wepapp=c"), "preview.yaml names no image `wepapp`, only webapp, worker"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_images_must_be_just_those_that_the_stack_file_names(name: str) -> None:
    images, expected = BAD_IMAGES[name]
    assert any(expected in problem for problem in problems_of(replace(WORDS, images=images)))


def test_problems_of_all_options_and_of_the_stack_file_are_told_at_once() -> None:
    words = DeployWords(
        pr="0",
        repository="shop",
        commit="HEAD",
        images=("webapp=a b", "worker=X", "nonsense"),
        stack_text=spoilt(("ttl: 72h", "tll: 72h"), ("pr-{pr}.preview", "preview")),
        stack_name="preview.yaml",
        requested_at="now",
    )
    problems = problems_of(words)
    beginnings = [
        "--pr",
        "--repo",
        "--sha",
        "--requested-at",
        "--image",
        "--image",
        "--image",
        "preview.yaml, line 2",
        "preview.yaml, line 24",
    ]
    assert len(problems) == len(beginnings)
    assert all(problem.startswith(beginning) for problem, beginning in zip(problems, beginnings, strict=True))


def test_without_a_stack_file_the_worker_reads_it_and_images_are_matched_there() -> None:
    request = deploy(replace(WORDS, stack_text=None, images=("anything=shop/webapp:1",)))
    assert (request.stack, request.images) == (None, {"anything": "shop/webapp:1"})


def test_an_empty_stack_file_is_not_the_same_as_none() -> None:
    assert problems_of(replace(WORDS, stack_text=""))


def test_a_teardown_needs_neither_commit_nor_stack_file() -> None:
    request = teardown(replace(CLOSING, reason="merged", requested_at="2026-05-04T11:00:00Z"))
    assert (request.pr, request.reason, request.requested_at) == (7, "merged", NOW - timedelta(hours=1))


def test_problems_of_a_teardown_are_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        teardown(TeardownWords(pr="x", repository="x", requested_at="x", reason="two\nlines"))
    assert [problem.split()[0] for problem in caught.value.problems] == ["--pr", "--repo", "--requested-at", "--reason"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("90d", 7_776_000)],
    ids=["seconds", "minutes", "a sum", "the longest"],
)
def test_a_duration_has_a_unit(text: str, seconds: int) -> None:
    assert duration(text, "--timeout") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "0s", "-5m", "1.5h", "91d", "5 m", "５m", "10y", "P3D", "999999d" * 5000])
def test_what_is_no_duration_is_refused_with_the_option_named(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^--timeout .*write a duration with a unit"):
        duration(text, "--timeout")


@given(st.integers(1, 999_999_999))
def test_every_number_of_a_pull_request_is_read_as_it_is_written(pr: int) -> None:
    assert pr_number(str(pr)) == pr


@given(st.lists(st.text(max_size=50), min_size=6, max_size=6))
def test_any_words_become_a_request_or_are_refused(texts: list[str]) -> None:
    pr, repository, commit, image, time, stack = texts
    words = DeployWords(pr, repository, commit, (image, f"webapp={image}"), stack, "preview.yaml", time)
    assert all(problem and "\n" not in problem for problem in problems_of(words))
