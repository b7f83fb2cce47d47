"""How long it takes until the work goes on after a worker was lost.

From the loss until every step that the lost process had begun has begun again on a living one (or nobody needs it any more), and something
of the run has happened there: a step has begun, something was written, or the verdict is known.
"""

import asyncio
from typing import Final

from tests.simulation.lives import LIFE, Life
from tests.simulation.temporal.activity import Activity
from tests.simulation.world import World

BOUND_SECONDS: Final = 25.0
"""docs/reliability.md: heartbeat timeout (10 s) + workflow task timeout (10 s) + one retry interval (5 s)."""


class Recovery:
    """Watches one world. `seconds`: of the slowest recovery, None without a loss."""

    def __init__(self, world: World) -> None:
        self._world, self._loop = world, asyncio.get_running_loop()
        self._lost: list[tuple[Activity, int]] = []
        self._since: float | None = None
        self.seconds: float | None = None
        worker, traffic = world.service.worker, world.traffic
        self._evict, self._step = worker.when_lost, worker.on_step
        worker.when_lost, worker.on_step, traffic.on_written = self._when_lost, self._on_step, self._on_written

    @property
    def is_going_on(self) -> bool:
        """Whether nothing is lost that has not been taken up again."""
        return self._since is None

    def look(self) -> None:
        """Whoever knows that the work goes on, such as a caller who has the verdict."""
        if self._since is not None and not any(_still_lost(*each) for each in self._lost):
            self.seconds = max(self.seconds or 0.0, self._loop.time() - self._since)
            self._since = None

    def _when_lost(self, life: Life) -> None:
        opened = [run for run in self._world.service.runs if run.is_open]
        if opened:
            self._since = self._loop.time()
            self._lost = [(each, each.attempt) for run in opened for each in run.activities.values() if each.state == "started"]
        self._evict(life)

    def _on_step(self, what: str) -> None:
        self._step(what)
        if what.endswith(" begins"):
            self.look()

    def _on_written(self, what: str) -> None:
        if LIFE.get() is self._world.service.worker.life:
            self.look()


def _still_lost(activity: Activity, attempt: int) -> bool:
    return activity.state != "ended" and (activity.attempt == attempt or activity.state == "waiting")
