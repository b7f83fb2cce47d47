"""The health report: bounded, shared between probes, and never a stale good answer for long."""

from __future__ import annotations

import threading
import time

from shop.health import Health
from shop.models import UnavailableError


class Part:
    """Something that the shop depends on; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.works = True

    def check(self, _timeout: float) -> None:
        self.asked += 1
        if not self.works:
            raise UnavailableError("connection refused")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_good_answer_is_reused_until_it_is_too_old() -> None:
    part, clock = Part(), Clock()
    health = Health({"database": part.check}, keep=1.0, clock=clock)
    for _ in range(3):
        health.report()
    assert part.asked == 1
    clock.now, part.works = 1.5, False
    assert health.report() == {"database": "connection refused"}


def test_a_recovery_is_seen_at_once() -> None:
    part = Part()
    part.works = False
    health = Health({"database": part.check})
    assert health.report() != {"database": "ok"}
    part.works = True
    assert health.report() == {"database": "ok"}


def test_parts_that_hang_are_named_within_the_deadline() -> None:
    over = threading.Event()
    hang = Health({"database": lambda _: void(over.wait(5)), "temporal": lambda _: void(over.wait(5))}, deadline=0.1)
    started = time.monotonic()
    report = hang.report()
    took = time.monotonic() - started
    over.set()
    assert set(report.values()) == {"no answer within 0.1 s"}
    assert took < 0.5


def void(_: object) -> None:
    return
