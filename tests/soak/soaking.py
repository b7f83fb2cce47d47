"""Runs cases in lanes: the same for `make soak` and for the slice of `make test`."""

import asyncio
import os
import re
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from local import example
from stack.names import Names
from tests.e2e.platform import ROOT, kubectl, query
from tests.soak.callers import ANOTHER
from tests.soak.cases import Bench, Golden, Kind, Report
from tests.soak.faults import Life, Writes, golden, live
from tests.soak.lanes import TEMPORAL_NAMESPACE, Lane, open_lanes
from tests.soak.world import World
from tests.temporal_namespace import ensure_namespace

FOLDER = ROOT / ".local" / "soak"
FIRST_PR = 20_001
CASE_SECONDS = 420
"""No case takes that long; one that does has found a defect, and the others go on."""
OURS = re.compile(r"soak([0-9]+)-([0-9]+)\b")
"""Namespaces of the lanes' pull requests."""
GOLDEN_LIVES = 2
"""At least so many lives without a fault; they must be equal."""


@dataclass(frozen=True)
class Case:
    """Something to run in a lane."""

    kind: Kind
    names: list[str]
    """What it is done for, as the progress keeps it."""
    run: Callable[[Bench, int], Awaitable[Report]]


class Soaking:
    """The lanes at work."""

    def __init__(self, lanes: Sequence[Lane], client: Client, world: World, images: Mapping[str, str]) -> None:
        self._lanes, self._client, self._world, self._images = lanes, client, world, images
        self._numbers = count(FIRST_PR)
        self._golden = Golden()

    @classmethod
    @asynccontextmanager
    async def started(cls, lanes: int, folder: Path = FOLDER) -> AsyncIterator["Soaking"]:
        """With workers, and without what an interrupted run left."""
        await ensure_namespace(os.environ["TEMPORAL_ADDRESS"], TEMPORAL_NAMESPACE)
        address = os.environ["TEMPORAL_ADDRESS"]
        quiet = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="OFF", other_level="OFF"))))
        client = await Client.connect(address, namespace=TEMPORAL_NAMESPACE, data_converter=pydantic_data_converter, runtime=quiet)
        with open_lanes(lanes, folder / "lanes") as opened:
            images = _images()
            async with World.connected(images) as world:
                soaking = cls(opened, client, world, images)
                await soaking.sweep()
                yield soaking

    async def sweep(self) -> None:
        """Closes every pull request of an interrupted run through the product."""
        async for run in self._client.list_workflows("ExecutionStatus = 'Running'"):
            await self._client.get_workflow_handle(run.id, run_id=run.run_id).terminate("left by an interrupted run")
        left = sorted(_left_behind())
        if left:
            print(f"an interrupted run left {len(left)} pull requests: closing them", flush=True)
        for name, number in left:
            lane, report = self._lane(name), Report("sequence", "sweep")
            async with self._bench(lane).life_of(number, report):
                pass
            assert report.ok, f"{lane.namespace(number)} of an interrupted run is not to be closed: {report}"

    def _lane(self, name: str) -> Lane:
        """As the lane of that name, perhaps of a run with more of them; any worker can close its pull requests."""
        first = self._lanes[0]
        return Lane(name, first.folder, first.task_queue)

    async def calibrate(self) -> tuple[Writes, list[Report]]:
        """Lives without a fault, in all lanes at once: what is written, and how it should be. What is made once for all is made before."""
        await self._lives(self._lanes[:1])
        number = max(GOLDEN_LIVES, len(self._lanes))
        lanes = [self._lanes[i % len(self._lanes)] for i in range(number)]
        seen = [
            lived for start in range(0, number, len(self._lanes)) for lived in await self._lives(lanes[start : start + len(self._lanes)])
        ]
        self._golden, writes, unlike = golden(seen)
        reports = [lived.report for lived in seen]
        reports[0].problems += unlike
        return writes, reports

    async def _lives(self, lanes: Sequence[Lane]) -> list[Any]:
        return await asyncio.gather(*(live(self._bench(lane), next(self._numbers), Life({})) for lane in lanes))

    async def work(self, cases: Sequence[Case], deadline: float, tell: Callable[[Case, Report], None]) -> int:
        """Runs the cases until all are done or the time is over. How many are left."""
        waiting = iter(cases)
        taken = await asyncio.gather(*(self._serve(lane, waiting, deadline, tell) for lane in self._lanes))
        return len(cases) - sum(taken)

    async def _serve(self, lane: Lane, waiting: Iterator[Case], deadline: float, tell: Callable[[Case, Report], None]) -> int:
        taken = 0
        while time.monotonic() < deadline and (case := next(waiting, None)) is not None:
            taken += 1
            tell(case, await self._run(lane, case))
        return taken

    async def _run(self, lane: Lane, case: Case) -> Report:
        """A case that raises is a case that failed."""
        number, before = next(self._numbers), lane.faults
        try:
            async with asyncio.timeout(CASE_SECONDS):
                report = await case.run(self._bench(lane), number)
        except Exception as error:
            report = Report(case.kind, case.names[0], [f"{type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-6:]])
            report.orphans += await self._world.residue(Names(lane.namespace(number)))
        lane.end()
        report.faults = lane.faults - before
        return report

    def _bench(self, lane: Lane) -> Bench:
        return Bench(self._client, lane, self._world, self._images, self._golden)


def _images() -> dict[str, str]:
    """The example's, in the registry, the worker's under two names."""
    return {**dict(image.split("=", 1) for image in example.images()), ANOTHER: example.provide("worker", "shop/another-worker")}


def _left_behind() -> set[tuple[str, int]]:
    """Lane and number of every pull request of which there is anything at all."""
    home = os.environ.get("PREVIEWS_HOME_NAMESPACE", "temporal-previews")
    names = kubectl("get", "namespaces", "-o", "name").split() + kubectl("get", "configmaps", "-n", home, "-o", "name").split()
    names += [name for (name,) in query("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")]
    found = [OURS.match(name.rpartition("/")[2].replace("_", "-").removeprefix("record-")) for name in names]
    return {(match[1], int(match[2])) for match in found if match}
