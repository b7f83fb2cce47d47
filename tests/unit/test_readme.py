"""The README says what is so."""

import re
from pathlib import Path

from cli.arguments import parser
from cli.exits import Exit

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_exit_code_is_explained() -> None:
    explained = {int(number) for number in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    assert explained == {code.value for code in Exit}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)`?", README)) <= targets


def test_every_command_that_is_shown_is_understood() -> None:
    shown = re.findall(r"python starter\.py ((?:deploy|teardown|status|list|extend|cleanup).*)", README.replace("\\\n", " "))
    assert len(shown) >= 6
    for line in shown:
        words = line.split("#")[0].split()
        assert parser().parse_args(words)


def test_no_placeholder_is_left() -> None:
    assert "<!--" not in README


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
