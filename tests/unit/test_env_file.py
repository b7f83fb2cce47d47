"""Proves what every kind of line in an env file means, and that a file that is wrong is refused without showing a value."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.env_file import EnvFileError, parse_env_file

LINES = [
    ("KEY=value", "value"),
    ("KEY=", ""),
    ("KEY=''", ""),
    ("export KEY=value", "value"),
    ("  KEY = value  ", "value"),
    ("KEY=a=b==", "a=b=="),
    ("KEY=$HOME and ${HOME} and $(HOME)", "$HOME and ${HOME} and $(HOME)"),
    ("KEY=value # a comment", "value"),
    ("KEY=value#not a comment", "value#not a comment"),
    ("KEY=#fff", "#fff"),
    ("KEY= # only a comment", ""),
    ("KEY='a # b'", "a # b"),
    ('KEY="a # b" # a comment', "a # b"),
    ("KEY='it is \"quoted\" $x \\n'", 'it is "quoted" $x \\n'),
    ('KEY="it\'s $x"', "it's $x"),
    (r'KEY="a\nb\tc\"d\\e\$f\q"', 'a\nb\tc"d\\e$f\\q'),
    ("KEY='-----BEGIN\nlines\n-----END'", "-----BEGIN\nlines\n-----END"),
    ('KEY="two\nlines"', "two\nlines"),
    ("KEY=päßwörd ☃ 𝄞", "päßwörd ☃ 𝄞"),
    ("KEY=a\u2028b\x0bc", "a\u2028b\x0bc"),
    ("KEY=a 'b' \"c\"", "a 'b' \"c\""),
    ("KEY=value\r\n", "value"),
    ("# a comment\n\n  # another\nKEY=value\n", "value"),
]

BROKEN = [
    ("KEY", "line 1: expected KEY=VALUE"),
    ("KEY='hidden", "line 1: expected KEY=VALUE"),
    ('KEY="hidden', "line 1: expected KEY=VALUE"),
    ("KEY='hid'den", "line 1: expected KEY=VALUE"),
    ("1KEY=hidden", "line 1: the name before ="),
    ("K-EY=hidden", "line 1: the name before ="),
    ("=hidden", "line 1: expected KEY=VALUE"),
    ("A=1\nA=hidden", "line 2: A is there twice"),
    ("KEY=hid\0den", "line 1: KEY holds a NUL"),
    ("FINE='1\n2'\nhidden", "line 3: expected KEY=VALUE"),
]


@pytest.mark.parametrize(("text", "value"), LINES)
def test_a_line_means(text: str, value: str) -> None:
    assert parse_env_file(text) == {"KEY": value}


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_a_broken_line_is_named_and_its_value_is_not_shown(text: str, problem: str) -> None:
    with pytest.raises(EnvFileError) as caught:
        parse_env_file(text)
    assert problem in str(caught.value)
    assert "hid" not in str(caught.value)


def test_every_problem_is_listed() -> None:
    with pytest.raises(EnvFileError) as caught:
        parse_env_file("one\nFINE=1\ntwo\n")
    assert len(caught.value.problems) == 2


@given(st.text().filter(lambda text: "'" not in text and "\0" not in text))
def test_single_quotes_keep_everything(value: str) -> None:
    assert parse_env_file(f"KEY='{value}'") == {"KEY": value}


@given(st.text(alphabet=string.printable.replace("\x0c", "") + "äß☃", max_size=60))
def test_no_text_makes_it_crash_or_hang(text: str) -> None:
    with suppress(EnvFileError):
        parse_env_file(text)
