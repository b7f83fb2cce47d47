"""Plays histories and looks whether all is as it must be afterwards. One seed, one history, exactly.

python -m tests.simulation.histories SEED          plays the history of a seed again and tells every call
python -m tests.simulation.histories 'SCRIPT'      the same for the text of a script
python -m tests.simulation.histories SEED COUNT    plays so many, beginning with that seed, and tells those that went wrong
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from temporalio.service import RPCError

from stack.extension import is_expiry_note
from stack.models import DeployRequest, Outcome
from tests.simulation.scripts import Script, Step, parse, script_of
from tests.simulation.traffic import Call
from tests.simulation.verdicts import newest, unlike_the_record
from tests.simulation.world import World, simulate

A_LIFE_SECONDS: Final = 73 * 3600.0
"""Longer than a preview lives by itself."""


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
            played.outcomes = [*await world.callers.outcomes(), *await world.callers.outcomes(world.callers.extensions)]
            await world.settled()
            played.problems = [*_wrongly_told(script, world), *([] if _needs_cleanup(script) else unlike_the_record(world))]
            await world.callers.clean_up()
            await world.settled()
            played.problems += [f"after the clean-up, {problem}" for problem in unlike_the_record(world)]
        played.calls, played.faulted, played.tasks = world.traffic.calls, world.traffic.faulted, dict(world.service.tasks.count)
        played.virtual_seconds = asyncio.get_running_loop().time()
        return played

    return simulate(whole, script.seed)


async def _perform(world: World, step: Step) -> None:
    if step.what in OPERATIONS:
        await OPERATIONS[step.what](world, step)
        return
    match step.what:
        case "push":
            world.callers.push(step.commit, minute=step.minute, image=step.image, patient=False)
        case "close":
            world.callers.close(minute=step.minute, patient=False)
        case "extend":
            world.callers.extend(_accepted(world), ttl=timedelta(hours=5))
        case "pin" | "unpin":
            world.callers.extend(_accepted(world), pinned=step.what == "pin")
        case "clean up":
            world.callers.begin_clean_up()
        case "wait":
            await asyncio.sleep(step.seconds)
        case "expire":
            await asyncio.sleep(A_LIFE_SECONDS)
        case "settle":
            await world.settled()


def _accepted(world: World) -> int:
    record = world.record()
    return 0 if record is None else record.generation


async def _cancel(world: World, _step: Step) -> None:
    with suppress(RPCError):  # nothing is open: temporal-ui would have no button
        await world.callers.cancel()


async def _terminate(world: World, _step: Step) -> None:
    with suppress(RPCError):
        await world.callers.terminate()


async def _kill(world: World, step: Step) -> None:
    world.kill(step.seconds)


async def _cut_off(world: World, step: Step) -> None:
    world.cut_off(step.seconds)


async def _freeze(world: World, step: Step) -> None:
    """For up to a minute: mostly longer than its heartbeats, not always."""
    world.freeze()
    asyncio.get_running_loop().call_later(4 * step.seconds, world.thaw)


async def _trouble(world: World, step: Step) -> None:
    await _troubled(world, 0.2, step.seconds)


async def _outage(world: World, step: Step) -> None:
    await _troubled(world, 1.0, 4 * step.seconds)


OPERATIONS: Final[dict[str, Callable[[World, Step], Awaitable[None]]]] = {
    "cancel": _cancel,
    "terminate": _terminate,
    "kill": _kill,
    "cut off": _cut_off,
    "freeze": _freeze,
    "trouble": _trouble,
    "outage": _outage,
}
"""What operators and machines do."""


async def _troubled(world: World, share: float, seconds: float) -> None:
    world.traffic.trouble = share
    await asyncio.sleep(seconds)
    world.traffic.trouble = 0.0


async def _heal(world: World) -> None:
    world.traffic.trouble = 0.0
    world.thaw()


def _wrongly_told(script: Script, world: World) -> list[str]:
    """Each caller learns how its own request ended, and the newest one that it was reached, unless an operator, the image or the clean-up
    forbade it."""
    whats, last = {step.what for step in script.steps}, newest(world)
    ended = {"cancelled"} if "cancel" in whats else set()
    ended |= {"cancelled", "failed"} if "terminate" in whats else set()
    problems = []
    for job in world.callers.jobs:
        told = job.outcome.result()
        allowed = {"ready" if isinstance(job.request, DeployRequest) else "gone"} | ended
        if job.is_bad:
            allowed = allowed - {"ready"} | {"failed"}
        if job is not last or "clean up" in whats:
            allowed |= {"superseded"}
        if told.request_id != job.request.id or told.state not in allowed:
            problems.append(
                f"{job.request.id} ({job.request.kind}) was told {told.state} ({told.note} {told.diagnosis}), allowed: {allowed}"
            )
    return [*problems, *_wrongly_extended(world)]


def _wrongly_extended(world: World) -> list[str]:
    """An extension tells of itself; one that counted last counts still, as long as the preview was not closed."""
    record, problems = world.record(), []
    for job in world.callers.extensions:
        told = job.outcome.result()
        if told.request_id != job.request.id:
            problems.append(f"{job.request.id} was told of {told.request_id}")
    counted = [job for job in world.callers.extensions if is_expiry_note(job.outcome.result().note)]
    if record is not None and record.pinned and not any(job.request.pinned for job in counted):  # type: ignore[union-attr]
        problems.append("it is pinned, and nobody was told so")
    return problems


def _needs_cleanup(script: Script) -> bool:
    """What the design leaves to the clean-up: writes of a process that Temporal has lost, and runs that an operator ended."""
    return any(step.what in {"cancel", "terminate", "cut off", "freeze"} for step in script.steps)


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
