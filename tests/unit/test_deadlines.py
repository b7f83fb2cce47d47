"""Proves how long a stack may take, from its stack file."""

from datetime import timedelta

from stack.deadlines import readiness_deadlines, rollout_limit
from stack.stackfile import Container, Readiness, StackFile, Webapp
from tests.fakes.requests import stack_file


def with_container(deadline: timedelta) -> StackFile:
    slow = Container(name="slow", image="web", readiness=Readiness(path="/", deadline=deadline))
    return stack_file().model_copy(update={"webapp": Webapp(containers=(slow, Container(name="plain", image="web")))})


def test_every_container_of_the_application_has_a_deadline() -> None:
    deadlines = readiness_deadlines(with_container(timedelta(minutes=9)))
    assert deadlines == {"slow": timedelta(minutes=9), "plain": timedelta(minutes=2), "python-worker": timedelta(minutes=2)}


def test_the_slowest_one_sets_the_limit_of_the_whole() -> None:
    assert rollout_limit(with_container(timedelta(minutes=9))) > timedelta(minutes=9)
    assert rollout_limit(with_container(timedelta(seconds=1))) > timedelta(minutes=2)
