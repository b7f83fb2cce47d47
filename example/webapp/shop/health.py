"""Whether the shop can serve: asked by a probe every second, so it must be quick, bounded and cheap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

from shop.models import UnavailableError

# Below the one second after which a Kubernetes probe gives up by default, so that it still gets the answer.
DEADLINE = 0.8
# A good answer is reused this long; a bad one never, so that a recovery is seen at once.
KEEP = 1.0
ANSWERS = "ok"

Check = Callable[[float], None]
"""Gets the seconds that it may take, and raises `UnavailableError` when its part does not answer."""


class Health:
    def __init__(
        self,
        checks: Mapping[str, Check],
        deadline: float = DEADLINE,
        keep: float = KEEP,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._deadline = deadline
        self._keep = keep
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._good_until = clock()
        self._threads = ThreadPoolExecutor(max_workers=len(checks), thread_name_prefix="health")

    def report(self) -> dict[str, str]:
        """Part → "ok" or what is wrong with it."""
        with self._one_at_a_time:
            if self._clock() < self._good_until:
                return dict.fromkeys(self._checks, ANSWERS)
            report = self._ask_all()
            if healthy(report):
                self._good_until = self._clock() + self._keep
            return report

    def _ask_all(self) -> dict[str, str]:
        end = time.monotonic() + self._deadline
        asked = {part: self._threads.submit(check, self._deadline) for part, check in self._checks.items()}
        return {part: self._answer(future, end) for part, future in asked.items()}

    def _answer(self, future: Future[None], end: float) -> str:
        try:
            # A little longer than the check itself may take: its own message says more than ours.
            future.result(max(0.0, end - time.monotonic()) + 0.05)
        except UnavailableError as error:
            return str(error)
        except FutureTimeout:
            future.cancel()
            return f"no answer within {self._deadline:g} s"
        return ANSWERS


def healthy(report: Mapping[str, str]) -> bool:
    return all(answer == ANSWERS for answer in report.values())
