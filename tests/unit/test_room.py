"""Proves the arithmetic of admission: no stack is let in for whom there is no room, and none is refused for what it has already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import NoCapacityError, permanent_names
from stack.room import Room, Share, require_room


def room(*held: tuple[str, int], most: int = 22, others: int = 0) -> Room:
    """A small managed server with a stack's one role each."""
    return Room(most, 3, 2, others, {name: Share(f"stack {name}", connections) for name, connections in held})


def ask(there: Room, name: str = "pr-3", **roles: int) -> None:
    """`roles` are the connections that the roles of the stack ask for; by default a temporal-server's."""
    wanted = {role: Share(f"stack {name}", connections) for role, connections in (roles or {name: 8}).items()}
    require_room(there, "db.test:25060", wanted)


def test_two_previews_fit_on_a_server_with_22_connections_and_the_third_is_told_why() -> None:
    ask(room())
    ask(room(("pr-1", 8)))
    with pytest.raises(NoCapacityError) as caught:
        ask(room(("pr-1", 8), ("pr-2", 8)))
    assert str(caught.value) == (
        "admit pr-3 to PostgreSQL db.test:25060; the answer was: of 22 connections 0 are left, and 8 more are needed; there are 3 for its "
        "administrators, 2 for the worker (PREVIEWS_DATABASE_CONNECTIONS), 1 for a temporal-server that starts, 8 for pr-1, 8 for pr-2; "
        "take a preview away, let the stack file ask for fewer (database.connections), or give the server more connections "
        "(max_connections)"
    )


def test_all_roles_of_a_stack_count_together() -> None:
    ask(room(most=22), server=8, app=8)
    with pytest.raises(NoCapacityError, match="of 22 connections 16 are left, and 17 more"):
        ask(room(most=22), server=8, app=9)


def test_an_update_is_not_refused_for_its_own_share() -> None:
    full = room(("pr-1", 8), ("pr-2", 8))
    ask(full, "pr-2", **{"pr-2": 8})
    ask(full, "pr-2", **{"pr-2": 7})


def test_an_update_that_asks_for_more_needs_room_for_what_is_more() -> None:
    ask(room(("pr-1", 8), most=16), "pr-1", **{"pr-1": 10})
    with pytest.raises(NoCapacityError, match="2 are left, and 3 more are needed"):
        ask(room(("pr-1", 8), most=16), "pr-1", **{"pr-1": 11})


def test_what_is_there_stays_where_the_server_lost_connections() -> None:
    shrunk = room(("pr-1", 8), ("pr-2", 8), most=10)
    ask(shrunk, "pr-1", **{"pr-1": 8})
    with pytest.raises(NoCapacityError, match="of 10 connections 0 are left, and 1 more"):
        ask(shrunk, "pr-1", **{"pr-1": 9})


def test_a_preview_from_before_that_held_more_gives_back_what_it_does_not_need() -> None:
    ask(room(("pr-1", 12)), "pr-1", **{"pr-1": 8})


def test_sessions_of_others_count_as_they_are() -> None:
    ask(room(others=8))
    with pytest.raises(NoCapacityError, match="9 in use by others"):
        ask(room(others=9))


def test_a_refusal_names_the_largest_and_counts_the_rest() -> None:
    many = room(*((f"pr-{n}", n) for n in range(10, 20)), most=151)
    with pytest.raises(NoCapacityError, match=r"19 for pr-19, 18 for pr-18, 17 for pr-17, 16 for pr-16, 75 for 6 more"):
        ask(many, "pr-1")


def test_ten_of_the_example_fit_on_the_local_platforms_server() -> None:
    held = [(f"pr-{n}", 13) for n in range(9)]
    ask(room(*held, most=200), "pr-9", server=8, app=5)


def test_no_waiting_mends_it() -> None:
    assert "NoCapacityError" in permanent_names()


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(0, 100), st.integers(0, 5))
def test_whoever_is_let_in_has_his_connections_whatever_the_others_do(asked: list[int], most: int, others: int) -> None:
    held: list[tuple[str, int]] = []
    for number, connections in enumerate(asked):
        before = room(*held, most=most, others=others)
        try:
            ask(before, f"pr-{number}", **{f"pr-{number}": connections})
        except NoCapacityError:
            assert connections > before.free
        else:
            held.append((f"pr-{number}", connections))
    assert not held or 3 + 3 + others + sum(connections for _, connections in held) <= most
