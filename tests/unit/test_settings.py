"""The installation's settings: what is taken, and that everything wrong is told at once."""

import pytest

from stack.errors import InvalidInputError
from stack.settings import Settings


def problems(**environment: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        Settings.from_env(environment)
    return caught.value.problems


def test_annotations_are_a_json_object() -> None:
    settings = Settings.from_env({"PREVIEWS_INGRESS_ANNOTATIONS": '{"nginx.ingress.kubernetes.io/auth-type": "basic"}'})
    assert settings.ingress_annotations == {"nginx.ingress.kubernetes.io/auth-type": "basic"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("auth-type=basic", "it is not JSON"),
        ('["a"]', "dictionary"),
        ('{"a": 1}', "string"),
        ('{"no name": "x"}', "'no name' is no name of an annotation"),
        ('{"previews.temporal.io/generation": "9"}', "written by the deployer itself"),
    ],
)
def test_what_are_no_annotations_is_refused(value: str, told: str) -> None:
    (problem,) = problems(PREVIEWS_INGRESS_ANNOTATIONS=value)
    assert problem.startswith("PREVIEWS_INGRESS_ANNOTATIONS: ")
    assert told in problem


def test_blocks_are_separated_by_commas() -> None:
    settings = Settings.from_env({"PREVIEWS_CLOSED_CIDRS": "203.0.113.0/24, 198.51.100.7/32"})
    assert [str(block) for block in settings.closed_cidrs] == ["203.0.113.0/24", "198.51.100.7/32"]


@pytest.mark.parametrize("value", ["203.0.113.1/24", "fd00::/8", "nodes", "203.0.113.0/24,"])
def test_what_is_no_block_is_refused(value: str) -> None:
    (problem,) = problems(PREVIEWS_CLOSED_CIDRS=value)
    assert problem.startswith("PREVIEWS_CLOSED_CIDRS: ")


def test_every_problem_is_told_at_once() -> None:
    assert len(problems(PREVIEWS_UI_WRITES="perhaps", PREVIEWS_CLOSED_CIDRS="nodes", PREVIEWS_UNKNOWN="x")) == 3
