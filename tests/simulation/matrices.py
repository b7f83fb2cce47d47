"""Something happens at every single moment of something else: the scenes of the matrices, and how they are played.

A moment is a call that leaves the worker, or an activity that begins or ends.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final

from temporalio.service import RPCError

from tests.simulation.numbers import NUMBERS
from tests.simulation.world import World, simulate

Deed = Callable[[World], Awaitable[Any]]
"""Begins something at once; the answer is to be awaited for its end."""
Look = Callable[[World], Coroutine[Any, Any, list[str]]]
"""What is wrong in the end."""
ALL: Final = os.environ.get("SIMULATION") == "all"
"""Whether every moment is played also where a fixed share of them is enough for every day."""
A_LIFE: Final = 73.0
"""Hours: longer than a preview lives by itself."""


@dataclass(frozen=True)
class Scene:
    """`before` has come to rest when `first` begins; `second` comes at each moment of `first`."""

    name: str
    first: Deed
    second: Deed
    before: tuple[Deed, ...] = ()


def push(commit: str, minute: float, image: str = "web") -> Deed:
    return lambda world: world.callers.push(commit, minute=minute, image=image, patient=minute % 2 == 0).outcome


def close(minute: float) -> Deed:
    return lambda world: world.callers.close(minute=minute, patient=minute % 2 == 0).outcome


def extend(**change: Any) -> Deed:
    """For the generation that is accepted when it is asked for."""

    def deed(world: World) -> Awaitable[Any]:
        record = world.record()
        return world.callers.extend(0 if record is None else record.generation, **change).outcome

    return deed


def clean_up(world: World) -> Awaitable[Any]:
    return _begun(world.callers.clean_up())


def cancel(world: World) -> Awaitable[Any]:
    return _begun(_if_open(world.callers.cancel()))


def terminate(world: World) -> Awaitable[Any]:
    return _begun(_if_open(world.callers.terminate()))


def kill(world: World) -> Awaitable[Any]:
    world.kill()
    return asyncio.sleep(0)


def cut_off(world: World) -> Awaitable[Any]:
    world.cut_off()
    return asyncio.sleep(0)


def freeze(world: World) -> Awaitable[Any]:
    """Until `World.thaw`, or for a minute, which is much longer than its heartbeats. All that time a frozen session keeps its lock."""
    world.freeze()
    asyncio.get_running_loop().call_later(60, world.thaw, context=Context())
    return asyncio.sleep(0)


def pause(hours: float) -> Deed:
    """So long, nobody does anything."""
    return lambda world: asyncio.sleep(hours * 3600)


def one_after_another(*deeds: Deed) -> Deed:
    async def all_of(world: World) -> None:
        for deed in deeds:
            await deed(world)

    return lambda world: _begun(all_of(world))


def _begun(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """In a context of its own: it may begin in the middle of a worker's call, and is none."""
    return asyncio.get_running_loop().create_task(work, context=Context())


async def _if_open(order: Awaitable[None]) -> None:
    with suppress(RPCError):  # nothing is open: temporal-ui would have no button
        await order


def moments_of(scene: Scene) -> dict[int, str]:
    """The moments of `first` when nothing comes in between, and what happens at each."""

    async def play(world: World) -> dict[int, str]:
        await _settle_before(world, scene)
        begun = len(world.traffic.calls)
        await scene.first(world)
        happens = {call.moment: call.what for call in world.traffic.calls}
        return {moment: happens.get(moment, "") for moment in range(begun, len(happens) + 2)}

    return simulate(play)


def play_at(scene: Scene, moment: int, look: Look, seed: int = 0) -> list[str]:
    """What is wrong when `second` comes at that moment. Whatever is raised is wrong, too."""

    async def play(world: World) -> list[str]:
        await _settle_before(world, scene)
        seconds: list[Awaitable[Any]] = []

        def interrupt(now: int) -> None:
            if now >= moment and not seconds:
                world.traffic.on_moment = lambda _: None
                seconds.append(scene.second(world))

        world.traffic.on_moment = interrupt
        first = scene.first(world)
        interrupt(len(world.traffic.calls))
        await first
        interrupt(moment)
        await seconds[0]
        return await look(world)

    try:
        return simulate(play, seed)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


async def _settle_before(world: World, scene: Scene) -> None:
    for deed in scene.before:
        await deed(world)
        await world.settled()


def require_all_right(scene: Scene, look: Look, kind: str, fewer: int = 1) -> None:
    """Plays the scene whenever a step of `first` begins, and at every other moment or one of `fewer`; tells those at which something was
    wrong."""
    moments = moments_of(scene)
    steps = [moment for moment, what in moments.items() if what.endswith(" begins")]
    played = sorted({*steps, *list(moments)[:: 1 if ALL else fewer]})
    wrong = {moment: problems for moment in played if (problems := play_at(scene, moment, look))}
    NUMBERS.add(kind, scene.name, len(played), len(moments))
    assert not wrong, "\n".join(f"moment {moment}: {'; '.join(problems)}" for moment, problems in wrong.items())
