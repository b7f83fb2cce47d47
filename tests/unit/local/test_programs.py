"""Proves that supervisord reads back exactly the commands and values that we meant."""

import configparser
import shlex
from pathlib import Path

from local.programs import Program, configuration


def read_back(program: Program) -> configparser.SectionProxy:
    text = configuration([program], Path("/run/x.sock"), Path("/logs/x.log"), "/bin/own")
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser[f"program:{program.name}"]


def test_words_with_spaces_quotes_and_backslashes_stay_one_word() -> None:
    words = ["run", "a b", 'say "x"', "back\\slash", "a,b:c=d@e", ""]
    assert shlex.split(read_back(Program("p", words, order=1))["command"]) == words


def test_percent_signs_are_not_expanded() -> None:
    section = read_back(Program("p", ["date", "+%s"], order=1, environment={"FORMAT": "100%"}))
    assert "+%%s" in section["command"]
    assert section["environment"] == 'FORMAT="100%%"'


def test_a_database_is_asked_to_stop_and_a_node_is_killed_without_its_relatives() -> None:
    database = read_back(Program("db", ["postgres"], order=1, stop_signal="INT", stop_seconds=30))
    assert (database["stopsignal"], database["stopwaitsecs"], database["stopasgroup"]) == ("INT", "30", "false")
    assert read_back(Program("w", ["worker"], order=1, automatic=False))["autostart"] == "false"


def test_a_program_whose_settings_change_has_another_entry() -> None:
    one, other = (Program("p", ["x"], order=1, environment={"SETTINGS": value}).section() for value in "ab")
    assert one != other


def test_no_file_that_others_need_is_handed_to_supervisord_which_removes_its_pid_file() -> None:
    text = configuration([], Path("/run/x.sock"), Path("/logs/x.log"), "/bin/own")
    assert "pidfile=/run/x.sock.pid" in text
