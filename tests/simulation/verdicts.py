"""What must be true at the end, whatever happened on the way."""

from collections.abc import Sequence
from functools import cache

from stack.models import DeployRequest, Outcome
from stack.ordering import precedence
from tests.simulation.callers import Job
from tests.simulation.residue import Residue
from tests.simulation.world import World, simulate


@cache
def one_of_everything(commit: str, image: str = "web") -> Residue:
    """What an undisturbed deploy leaves."""

    async def play(world: World) -> Residue:
        await world.callers.push(commit, minute=0, image=image, patient=False).outcome
        await world.settled()
        return world.residue()

    return simulate(play)


def newest(jobs: Sequence[Job]) -> Job:
    return max(jobs, key=lambda job: precedence(job.request))


async def problems_at_the_end(world: World, jobs: Sequence[Job]) -> list[str]:
    """Empty if the newest request is what there is, exactly once or not at all, and every caller knows how its own request ended."""
    outcomes = await world.callers.outcomes(jobs)
    await world.settled()
    last = newest(jobs)
    problems = [problem for job, outcome in zip(jobs, outcomes, strict=True) if (problem := _wrongly_told(job, outcome, last))]
    return [*problems, *_wrongly_there(world, last)]


def _wrongly_told(job: Job, outcome: Outcome, last: Job) -> str:
    """The newest request reaches what it asks for; an older one did so before, or learns that it was replaced."""
    asked = job.request
    reached = "ready" if isinstance(asked, DeployRequest) else "gone"
    allowed = {reached} if job is last else {reached, "superseded"}
    if outcome.request_id != asked.id or outcome.state not in allowed:
        return f"{asked.id} was told {outcome.state} of {outcome.request_id} ({outcome.note} {outcome.diagnosis}), allowed: {allowed}"
    if isinstance(asked, DeployRequest) and outcome.sha != asked.commit:
        return f"{asked.id} asked for {asked.commit} and was told of {outcome.sha}"
    if outcome.state == "gone" and not (outcome.receipt and all(item.seen_gone for item in outcome.receipt.items)):
        return f"{asked.id} was told gone with the receipt {outcome.receipt}"
    return ""


def _wrongly_there(world: World, last: Job) -> list[str]:
    record, found = world.record(), world.residue()
    if record is None:
        return ["there is no record"]
    asked = last.request
    if isinstance(asked, DeployRequest):
        expected = one_of_everything(asked.commit)
        expected = Residue(**{**vars(expected), "namespaces": [f"generation {record.generation}"]})
        state, commit = "ready", asked.commit
    else:
        expected, state, commit = Residue(), "gone", None
    problems = [f"the record says {record.state} of {record.commit}"] if (record.state, record.commit) != (state, commit) else []
    return problems + ([difference] if (difference := found.unlike(expected)) else [])
