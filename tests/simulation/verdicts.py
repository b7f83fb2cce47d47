"""What must be true at the end, whatever happened on the way."""

from functools import cache

from stack.models import DeployRequest, Outcome, Record
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


def newest(world: World) -> Job:
    """Of two pushes of the same second, the one that came later to Temporal."""
    came = [request.id for request in world.client.arrived]
    return max(world.callers.jobs, key=lambda job: (precedence(job.request), came.index(job.request.id)))


async def problems_at_the_end(world: World) -> list[str]:
    """Empty if the newest request is what there is, exactly once or not at all, and every caller knows how its own request ended."""
    jobs = world.callers.jobs
    outcomes = await world.callers.outcomes()
    await world.settled()
    last = newest(world)
    problems = [problem for job, outcome in zip(jobs, outcomes, strict=True) if (problem := _wrongly_told(job, outcome, last))]
    return [*problems, *_not_the_newest(world, last), *unlike_the_record(world)]


async def problems_after_a_clean_up(world: World) -> list[str]:
    """The same after one run of the clean-up, which takes what lost workers and operators have left."""
    await world.callers.outcomes()
    await world.settled()
    await world.callers.clean_up()
    return await problems_at_the_end(world)


async def true_to_the_record(world: World) -> list[str]:
    """After one run of the clean-up: there is what the record says, whatever that is, and every caller was told of its own request."""
    outcomes = await world.callers.outcomes()
    await world.settled()
    await world.callers.clean_up()
    await world.settled()
    wrong = [job.request.id for job, outcome in zip(world.callers.jobs, outcomes, strict=True) if outcome.request_id != job.request.id]
    return [*(f"{each} was told of another request" for each in wrong), *unlike_the_record(world)]


def _wrongly_told(job: Job, outcome: Outcome, last: Job) -> str:
    """The newest request reaches what it asks for; an older one did so before, or learns that it was replaced."""
    asked = job.request
    reached = "ready" if isinstance(asked, DeployRequest) else "gone"
    allowed = {reached} if job is last else {reached, "superseded"}
    if job.is_bad:
        allowed = allowed - {"ready"} | {"failed"}
    if outcome.request_id != asked.id or outcome.state not in allowed:
        return f"{asked.id} was told {outcome.state} of {outcome.request_id} ({outcome.note} {outcome.diagnosis}), allowed: {allowed}"
    if isinstance(asked, DeployRequest) and outcome.sha != asked.commit:
        return f"{asked.id} asked for {asked.commit} and was told of {outcome.sha}"
    if outcome.state == "gone" and not (outcome.receipt and all(item.seen_gone for item in outcome.receipt.items)):
        return f"{asked.id} was told gone with the receipt {outcome.receipt}"
    return ""


def _not_the_newest(world: World, last: Job) -> list[str]:
    record, asked = world.record(), last.request
    if record is None:
        return ["there is no record"]
    state, commit = ("ready", asked.commit) if isinstance(asked, DeployRequest) else ("gone", None)
    return [f"the record says {record.state} of {record.commit}"] if (record.state, record.commit) != (state, commit) else []


def unlike_the_record(world: World) -> list[str]:
    """What the record says is what there is, once or not at all. Nobody is at work any more."""
    record, found = world.record(), world.residue()
    if record is None:
        return ["there is no record"] if not found.is_nothing else []
    if found.open_runs or found.locks:
        return [f"still at work: {found.open_runs} {found.locks}"]
    if record.kind == "deploy" and record.state == "failed" and record.good is None:
        return []  # its evidence is kept, whatever there is of it
    if (expected := _told_by(record)) is None:
        return [f"the record says {record.state} and nobody works on it"]
    if expected.namespaces:
        expected = Residue(**{**vars(expected), "namespaces": [f"generation {record.generation}"]})
    return [f"the record says {record.kind} {record.state}: {difference}"] if (difference := found.unlike(expected)) else []


def _told_by(record: Record) -> Residue | None:
    """What there is if the record tells the truth; None while it says that somebody is at work."""
    if record.state == "ready":
        return one_of_everything(str(record.commit))
    if record.state == "gone":
        return Residue()
    if record.state in {"cancelled", "failed"} and record.kind == "deploy":
        return one_of_everything(record.good.request.commit) if record.good else Residue()
    return None
