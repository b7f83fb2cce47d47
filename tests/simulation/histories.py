"""Plays histories and looks whether all is as it must be afterwards. One seed, one history, exactly.

python -m tests.simulation.histories SEED          plays the history of a seed again and tells every call
python -m tests.simulation.histories 'SCRIPT'      the same for the text of a script
python -m tests.simulation.histories SEED COUNT    plays so many, beginning with that seed, and tells those that went wrong
"""

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.service import RPCError

from stack.models import DeployRequest, Outcome
from stack.ordering import precedence
from tests.simulation.callers import Job
from tests.simulation.residue import Residue
from tests.simulation.scripts import Script, Step, parse, script_of
from tests.simulation.traffic import Call
from tests.simulation.verdicts import one_of_everything
from tests.simulation.world import World, simulate


@dataclass
class Played:
    """How a history went."""

    problems: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    calls: Sequence[Call] = ()
    faulted: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    virtual_seconds: float = 0.0


def play(script: Script) -> Played:
    """Plays it, lets everything come to rest, and looks whether all is as it must be."""

    async def whole(world: World) -> Played:
        for step in script.steps:
            await _perform(world, step)
        played = Played()
        if world.callers.jobs:
            await _heal(world)
            played.outcomes = await world.callers.outcomes()
            await world.settled()
            played.problems = [*_wrongly_told(script, world.callers.jobs), *([] if _needs_cleanup(script) else _wrongly_there(world))]
            await world.callers.clean_up()
            await world.settled()
            played.problems += [f"after the clean-up, {problem}" for problem in _wrongly_there(world)]
        played.calls, played.faulted, played.tasks = world.traffic.calls, world.traffic.faulted, dict(world.service.tasks.count)
        played.virtual_seconds = asyncio.get_running_loop().time()
        return played

    return simulate(whole, script.seed)


async def _perform(world: World, step: Step) -> None:
    match step.what:
        case "push":
            world.callers.push(step.commit, minute=step.minute, image=step.image, patient=False)
        case "close":
            world.callers.close(minute=step.minute, patient=False)
        case "wait":
            await asyncio.sleep(step.seconds)
        case "settle":
            await world.settled()
        case "cancel":
            with suppress(RPCError):  # nothing is open: temporal-ui would have no button
                await world.callers.cancel()
        case "terminate":
            with suppress(RPCError):
                await world.callers.terminate()
        case "kill":
            world.kill(step.seconds)
        case "cut off":
            world.cut_off(step.seconds)
        case "trouble":
            await _troubled(world, 0.2, step.seconds)
        case "outage":
            await _troubled(world, 1.0, 4 * step.seconds)


async def _troubled(world: World, share: float, seconds: float) -> None:
    world.traffic.trouble = share
    await asyncio.sleep(seconds)
    world.traffic.trouble = 0.0


async def _heal(world: World) -> None:
    world.traffic.trouble = 0.0


def _wrongly_told(script: Script, jobs: Sequence[Job]) -> list[str]:
    """Each caller learns how its own request ended, and the newest one that it was reached, unless an operator or the image forbade it."""
    whats = {step.what for step in script.steps}
    ended = {"cancelled"} if "cancel" in whats else set()
    ended |= {"cancelled", "failed"} if "terminate" in whats else set()
    last = max(jobs, key=lambda job: precedence(job.request))
    problems = []
    for job in jobs:
        told = job.outcome.result()
        allowed = {"ready" if isinstance(job.request, DeployRequest) else "gone"} | ended
        if is_bad(job):
            allowed = allowed - {"ready"} | {"failed"}
        if job is not last or _is_tie(jobs, last):
            allowed |= {"superseded"}
        if told.request_id != job.request.id or told.state not in allowed:
            problems.append(
                f"{job.request.id} ({job.request.kind}) was told {told.state} ({told.note} {told.diagnosis}), allowed: {allowed}"
            )
    return problems


def _is_tie(jobs: Sequence[Job], last: Job) -> bool:
    """Two pushes of the same moment: nobody can say which is the newer one, so the one that is served first is."""
    return sum(precedence(job.request) == precedence(last.request) for job in jobs) > 1


def _needs_cleanup(script: Script) -> bool:
    """What the design leaves to the clean-up: writes of a process that Temporal has lost, and runs that an operator ended."""
    return any(step.what in {"cancel", "terminate", "cut off"} for step in script.steps)


def is_bad(job: Job) -> bool:
    return isinstance(job.request, DeployRequest) and "bad" in job.request.images["web"]


def _wrongly_there(world: World) -> list[str]:
    """What the record says is what there is."""
    record, found = world.record(), world.residue()
    if record is None:
        return ["there is no record"] if not found.is_nothing else []
    if found.open_runs or found.locks:
        return [f"still at work: {found.open_runs} {found.locks}"]
    match record.state:
        case "ready":
            expected = one_of_everything(str(record.commit))
        case "gone":
            expected = Residue()
        case "cancelled" | "failed" if record.kind == "deploy":
            if record.good is None and record.state == "failed":
                return []
            expected = one_of_everything(record.good.request.commit) if record.good else Residue()
        case _:
            return [f"the record says {record.state} and nobody works on it"]
    if expected.namespaces:
        expected = Residue(**{**vars(expected), "namespaces": [f"generation {record.generation}"]})
    return [f"the record says {record.kind} {record.state}: {difference}"] if (difference := found.unlike(expected)) else []


def main(text: str, count: int) -> int:
    """Exit code 1 if something went wrong."""
    started, wrong, faulted = time.monotonic(), 0, 0
    for script in [parse(text)] if count == 1 else map(script_of, range(int(text), int(text) + count)):
        try:
            played = play(script)
        except Exception as error:
            played = Played(problems=[f"{type(error).__name__}: {error}"])
        faulted += played.faulted
        if played.problems:
            wrong += 1
            print(script, *played.problems, sep="\n  ")
        if count == 1:
            print(script, *played.calls, *played.outcomes, sep="\n")
    seconds = time.monotonic() - started
    print(f"{count} histories in {seconds:.1f} s ({count / seconds:.1f} a second), {faulted} calls broken, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
