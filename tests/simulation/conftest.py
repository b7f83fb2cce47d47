"""Prints the numbers of the ring."""

from typing import Any

from tests.simulation.numbers import NUMBERS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if line := NUMBERS.line():
        for text in NUMBERS.lines():
            terminalreporter.write_line(text)
        terminalreporter.write_line(f"simulation: {line}")
