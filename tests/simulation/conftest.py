"""Prints the numbers of the ring, also of several processes that play side by side (pytest-xdist)."""

from typing import Any

import pytest

from tests.simulation.numbers import NUMBERS


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["numbers"] = NUMBERS.given()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if "numbers" in getattr(node, "workeroutput", {}):
        NUMBERS.take(node.workeroutput["numbers"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if line := NUMBERS.line():
        for text in NUMBERS.lines():
            terminalreporter.write_line(text)
        terminalreporter.write_line(f"simulation: {line}")
