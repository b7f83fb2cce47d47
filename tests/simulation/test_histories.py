"""Random histories. A failing one is made as short as it can be, and printed as the command that plays it again."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.histories import play
from tests.simulation.matrices import ALL
from tests.simulation.numbers import NUMBERS
from tests.simulation.scripts import parse, script_from, script_of

HISTORIES = 1000 if ALL else 400


@given(st.randoms(use_true_random=False), st.integers(0, 2**16))
@settings(max_examples=HISTORIES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_happens_in_any_order_the_record_tells_what_there_is(random: Random, seed: int) -> None:
    script = script_from(random, seed)
    played = play(script)
    problems = played.problems
    NUMBERS.count["histories"] += 1
    NUMBERS.count["broken calls"] += played.faulted
    assert not problems, "\n".join([f"python -m tests.simulation.histories '{script}'", *problems])


def test_the_text_of_a_script_is_the_script() -> None:
    for seed in range(100):
        assert parse(str(script_of(seed))) == script_of(seed)


def test_the_same_seed_is_the_same_history() -> None:
    for seed in range(20):
        first, second = play(script_of(seed)), play(script_of(seed))
        assert (first.calls, first.virtual_seconds) == (second.calls, second.virtual_seconds)
