"""What is taken from Docker's config.json, and how a file that no node could use is refused."""

import json

import pytest

from stack.errors import InvalidInputError
from stack.names import PULL_SECRET
from stack.registry import credentials, pull_secret
from tests.fakes.requests import attempt

GOOD = {"auths": {"registry.example.com:5000": {"auth": "dTpw"}, "https://index.docker.io/v1/": {"username": "u", "password": "p"}}}

UNUSABLE = [
    pytest.param("auths: {}", "no JSON", id="no JSON"),
    pytest.param("[]", "no credentials under `auths`", id="a list"),
    pytest.param('{"credsStore": "desktop"}', "no credentials under `auths`", id="kept by a helper"),
    pytest.param('{"auths": {}}', "no credentials under `auths`", id="nobody signed in"),
    pytest.param(
        '{"auths": {"a.example": {}}, "credHelpers": {"a.example": "x"}}',
        "a.example: it has no user and password",
        id="an entry of a helper",
    ),
    pytest.param(
        '{"auths": {"a.example": {"username": "u", "identitytoken": "hidden"}}}',
        "a.example: it has no user",
        id="a token that nodes cannot use",
    ),
    pytest.param('{"auths": {"a.example": "hidden"}}', "a.example: it has no user", id="no mapping"),
]


def test_all_registries_are_kept_and_nothing_else() -> None:
    assert json.loads(credentials(json.dumps(GOOD | {"credsStore": "desktop", "HttpHeaders": {"X": "hidden"}}))) == GOOD


@pytest.mark.parametrize(("text", "told"), UNUSABLE)
def test_a_file_that_no_node_can_use(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        credentials(text)
    assert told in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_every_problem_is_told() -> None:
    with pytest.raises(InvalidInputError) as refused:
        credentials('{"auths": {"a.example": {}, "b.example": {}, "c.example": {"auth": "x"}}}')
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["a.example", "b.example"]


def test_the_secret_is_of_the_kind_that_kubelets_read() -> None:
    secret = pull_secret(attempt(), json.dumps(GOOD))
    assert (secret["metadata"]["name"], secret["type"], list(secret["data"])) == (
        PULL_SECRET,
        "kubernetes.io/dockerconfigjson",
        [".dockerconfigjson"],
    )
