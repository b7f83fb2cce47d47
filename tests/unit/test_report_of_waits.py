"""What a log of CI shows of a request that waits."""

import io

from cli.report import LONG_SECONDS, PlainReporter
from stack.models import Outcome

RUNNING = Outcome(request_id="d1", state="running", pr=1, note="namespace")


def told(*moments: tuple[float, str], steps: dict[float, dict[str, float]] | None = None) -> list[str]:
    """The lines after these waits, each seen at its second; `steps` that have ended by then."""
    stream, now = io.StringIO(), [0.0]
    reporter = PlainReporter(stream, clock=lambda: now[0])
    for second, wait in moments:
        now[0] = second
        reporter(RUNNING.model_copy(update={"waits_for": wait, "seconds": (steps or {}).get(second, {})}))
    return stream.getvalue().splitlines()


def test_a_wait_that_lasts_is_told_now_and_then() -> None:
    moments = [(0, "try 1"), (LONG_SECONDS - 1, "try 2"), (LONG_SECONDS, "try 3"), (LONG_SECONDS + 1, "try 4"), (2 * LONG_SECONDS, "try 5")]
    assert told(*moments) == ["  … try 3", "  … try 5"]


def test_without_words_of_its_own_the_step_s_name_is_told() -> None:
    assert told((0, ""), (LONG_SECONDS, "")) == ["  … namespace"]


def test_a_step_that_ends_is_progress() -> None:
    ended = {LONG_SECONDS - 1.0: {"claim": 0.1}}
    assert told((0, "a"), (LONG_SECONDS - 1.0, "a"), (LONG_SECONDS + 1.0, "a"), steps=ended) == ["  claim           0.10 s"]
