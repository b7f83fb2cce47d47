"""Proves, with texts and values made at random, that the loader raises nothing but InvalidInputError, and always with lines."""

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import InvalidInputError
from stack.stackfile_words import known_keys
from tests.unit.stack_text import GOOD, load


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`?#, \n\t0.~<=", max_size=60))
def test_any_text_made_of_the_signs_of_yaml_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)


Plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(known_keys(())), Plain))
def test_any_values_under_the_known_keys_are_read_or_refused(value: dict[str, Any]) -> None:
    _read_or_refuse(yaml.safe_dump(value, allow_unicode=True))


@given(st.data())
def test_any_value_anywhere_in_a_good_file_is_read_or_refused(data: st.DataObject) -> None:
    value = yaml.safe_load(GOOD)
    target = data.draw(st.sampled_from(list(_containers(value))))
    key = data.draw(st.sampled_from(list(target) if isinstance(target, dict) else list(range(len(target)))))
    target[key] = data.draw(Plain)
    _read_or_refuse(json.dumps(value) if data.draw(st.booleans()) else yaml.safe_dump(value))


def _containers(value: object) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return ([value] if inner else []) + [found for each in inner for found in _containers(each)]


def _read_or_refuse(text: str) -> None:
    problems = _problems_if_any(text)
    assert all(problem.startswith("line ") for problem in problems), problems


def _problems_if_any(text: str) -> list[str]:
    try:
        load(text)
    except InvalidInputError as error:
        return error.problems or ["none, and yet refused"]
    return []
