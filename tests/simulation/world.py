"""Where a simulation is put together: one seed, one world."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from temporalio.client import Client

from activities.survey import Sources
from gateways.postgres_databases import STACK_MARK, PostgresDatabases
from gateways.records import KEY, ClusterRecords
from gateways.runs import TemporalRuns
from stack.manifests.blueprint import Postgres
from stack.models import Record
from stack.names import ANNOTATION_GENERATION, DATABASE_SECRET, Names
from stack.namespace import generation_of
from stack.settings import Settings
from tests.fakes.postgres import FakePostgres
from tests.simulation.callers import Callers, namespace_of
from tests.simulation.chance import Chance
from tests.simulation.clock import VirtualLoop, run_virtually
from tests.simulation.cluster import CalledCluster, LivingCluster
from tests.simulation.controllers import Controllers, is_ready
from tests.simulation.lives import Life
from tests.simulation.outside import SimulatedForge, SimulatedFrontends, SimulatedSecrets, SimulatedTemplates, SimulatedWeb, over
from tests.simulation.residue import Residue
from tests.simulation.temporal.client import SimulatedClient
from tests.simulation.temporal.service import Service
from tests.simulation.traffic import Traffic
from tests.simulation.wiring import WORKFLOWS, build_activities
from tests.simulation.witness import Witness

T = TypeVar("T")

AWAY_SECONDS: Final = 2.0
"""Until there is another process after one was lost."""
PATIENCE_SECONDS: Final = 6 * 3600.0
"""Of virtual time: longer than any bound of the workflows."""
MADE_BY_CONTROLLERS: Final = ("Pod/", "ReplicaSet/", "Event/")


class StuckError(Exception):
    """A run does not come to its end. The message says what it waits for."""


class TwoWritersError(Exception):
    """Somebody wrote who must not. The message says who, and what."""


class World:
    """Kubernetes, PostgreSQL, the public page, the production Temporal, the worker, and those who ask for previews."""

    def __init__(self, seed: int = 0) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.seed, self.chance, self.settings = seed, Chance(seed), Settings.from_env({})
        self.traffic = Traffic(self.chance)
        self.cluster = LivingCluster(loop.utc_now)
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.settings.home_namespace}})
        self.controllers = Controllers(self.cluster, self.chance, loop)
        self.witness = Witness(self.cluster.get, self.cluster.everything_in, self._accepted)
        self.traffic.witnessed = self.witness.call
        self.postgres = FakePostgres(over(self.traffic, self.witness))
        self.service = Service(WORKFLOWS, build_activities(self._gateways(loop)), self.chance)
        self.client = SimulatedClient(self.service)
        self.callers = Callers(self.client)
        self.traffic.crash = self.kill
        self.traffic.cut_off = self.cut_off
        self.traffic.freeze = self.freeze
        self.service.worker.on_step = self.traffic.step
        self._frozen: list[Life] = []
        self._read: tuple[Any, int] | None = None

    def kill(self, away: float = AWAY_SECONDS) -> None:
        """kill -9 of the worker."""
        self.service.worker.kill(away)

    def cut_off(self, away: float = AWAY_SECONDS) -> None:
        """The worker goes on working and Temporal does not hear from it any more."""
        self.service.worker.cut_off(away)

    def freeze(self, away: float = AWAY_SECONDS) -> None:
        """SIGSTOP of the worker, until `thaw`: a process on another machine takes over."""
        self._frozen.append(self.service.worker.life)
        self._frozen[-1].going_on.clear()
        self.cut_off(away)

    def thaw(self) -> None:
        """All that stand still go on where they were."""
        for life in self._frozen:
            life.going_on.set()

    async def settled(self) -> None:
        """Every run has ended, and so has what was still on its way. Raises StuckError when that takes hours."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + PATIENCE_SECONDS
        while opened := [run for run in self.service.runs if run.is_open]:
            if loop.time() > limit:
                raise StuckError("\n".join(f"{run.workflow_type} {run.run_id}: {run.pending_activities}" for run in opened))
            await asyncio.sleep(1)
        await asyncio.sleep(60)

    def record(self, pr: int = 1) -> Record | None:
        """What is known of the pull request."""
        return self._record(namespace_of(pr))

    def _record(self, namespace: str) -> Record | None:
        config_map = self.cluster.get("ConfigMap", Names(namespace).record, self.settings.home_namespace)
        return None if config_map is None else Record.model_validate_json(config_map["data"][KEY])

    def _accepted(self, namespace: str) -> int:
        """Read at every write: parsing each time would cost more than everything else."""
        config_map = self.cluster.get("ConfigMap", Names(namespace).record, self.settings.home_namespace)
        if config_map is None:
            return 0
        if self._read is None or self._read[0] is not config_map:
            self._read = (config_map, Record.model_validate_json(config_map["data"][KEY]).generation)
        return self._read[1]

    def residue(self, pr: int = 1) -> Residue:
        """All that exists for the pull request now, apart from its record."""
        names = Names(namespace_of(pr))
        return Residue(
            namespaces=self._namespaces(names),
            objects=[name for name in self.cluster.names_in(names.namespace) if not name.startswith(MADE_BY_CONTROLLERS)],
            of_another_generation=self._of_another_generation(names),
            databases=[self._database(name) for name in names.databases if name in self.postgres.databases],
            workloads=sorted(self._workload(item) for item in self.cluster.all_of("Deployment", names.namespace)),
            roles=[self._role(name, names) for name in names.roles if name in self.postgres.roles],
            locks=sorted(self.postgres.locks),
            open_runs=[run.workflow_type for run in self.service.runs if run.is_open and run.workflow_id == names.workflow_id],
        )

    def _namespaces(self, names: Names) -> list[str]:
        found = self.cluster.get("Namespace", names.namespace)
        if found is None:
            return []
        going = " (going)" if "deletionTimestamp" in found["metadata"] else ""
        return [f"generation {found['metadata'].get('annotations', {}).get(ANNOTATION_GENERATION)}{going}"]

    def _of_another_generation(self, names: Names) -> list[str]:
        """The Secret of the databases stays as it was made: its passwords are theirs."""
        found = self.cluster.get("Namespace", names.namespace)
        accepted = {0, generation_of(found) if found else 0}
        held = [each for each in self.cluster.everything_in(names.namespace) if generation_of(each) not in accepted]
        named = [(each["kind"], each["metadata"]["name"], generation_of(each)) for each in held]
        return sorted(f"{kind} {name} of generation {generation}" for kind, name, generation in named if name != DATABASE_SECRET)

    def _workload(self, deployment: Any) -> str:
        """Which images it runs, in how many pods, all of them counted."""
        images = ", ".join(each["image"].rsplit("/", 1)[1] for each in deployment["spec"]["template"]["spec"]["containers"])
        pods = self.controllers.pods_of(deployment)
        return f"{deployment['metadata']['name']} {images}: {len(pods)} pods, {sum(map(is_ready, pods))} ready"

    def _database(self, name: str) -> str:
        found = self.postgres.databases[name]
        state = f"{name} of {found.owner}, from {found.template}"
        if not found.connectable or found.public or found.holds - {found.owner} or (found.holds and found.schema_name != name):
            state += f", not finished: {found}"
        return state

    def _role(self, name: str, names: Names) -> str:
        """Its password must be the one that the namespace's Secret has, for then the pods can sign in."""
        role, secret = self.postgres.roles[name], self.cluster.get("Secret", DATABASE_SECRET, names.namespace)
        assert role.comment == STACK_MARK + names.namespace, role
        known = [_verifier(value) for value in (secret or {}).get("data", {}).values()]
        return f"{name} limit {role.limit}, password {'known' if role.verifier in known else 'in no Secret'}"

    def _gateways(self, loop: VirtualLoop) -> dict[str, Any]:
        cluster = CalledCluster(self.cluster, self.traffic, self.witness, self.settings.home_namespace)
        frontends = SimulatedFrontends(self.cluster, self.traffic)
        records, databases = ClusterRecords(cluster, self.settings.home_namespace), PostgresDatabases(self.postgres)
        runs = TemporalRuns(lambda: cast(Client, self.client), self.settings.task_queue)
        return {
            "cluster": cluster,
            "records": records,
            "sources": Sources(cluster, records, databases, runs),
            "forge": SimulatedForge(self.traffic),
            "settings": self.settings,
            "postgres": Postgres("postgres.test", 5432),
            "clock": loop.utc_now,
            "databases": databases,
            "templates": SimulatedTemplates(self.postgres, self.traffic),
            "source": SimulatedSecrets(self.traffic),
            "web": SimulatedWeb(self.cluster, self.traffic),
            "frontends": frontends,
        }


def _verifier(value: str) -> str:
    from base64 import b64decode

    return "verifier of " + b64decode(value).decode()


def simulate(play: Callable[[World], Coroutine[Any, Any, T]], seed: int = 0) -> T:
    """Plays in a world of its own, to the end. Raises TwoWritersError, however all ended."""

    async def whole() -> T:
        world = World(seed)
        try:
            played = await play(world)
        finally:
            world.service.end()
        if world.witness.problems:
            raise TwoWritersError("; ".join(world.witness.problems))
        return played

    return run_virtually(whole())
