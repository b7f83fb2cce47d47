"""What a log of CI shows of a request that waits."""

import io

from cli.report import LONG_SECONDS, PlainReporter
from stack.models import Outcome

RUNNING = Outcome(request_id="d1", state="running", pr=1, note="namespace")


def told(*moments: tuple[float, str]) -> list[str]:
    """The lines after these waits, each seen at its second."""
    stream, now = io.StringIO(), [0.0]
    reporter = PlainReporter(stream, clock=lambda: now[0])
    for second, wait in moments:
        now[0] = second
        reporter(RUNNING.model_copy(update={"waits_for": wait}))
    return stream.getvalue().splitlines()


def test_a_wait_that_lasts_is_told_once() -> None:
    assert told((0, "claim waits"), (LONG_SECONDS, "claim waits"), (LONG_SECONDS + 9, "claim waits")) == ["  … claim waits"]


def test_what_passes_quickly_is_not_told() -> None:
    assert told((0, "a"), (LONG_SECONDS - 1, "b"), (LONG_SECONDS + 1, "c")) == []


def test_without_words_of_its_own_the_step_s_name_is_told() -> None:
    assert told((0, ""), (LONG_SECONDS, "")) == ["  … namespace"]
