"""The rest of what the worker meets: the public page, the previews' own Temporals, templates, secrets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from gateways.web import Answer
from stack.errors import MissingSecretError, UnavailableError
from stack.names import COMPONENT, template_databases, template_role
from stack.stackfile import Secrets
from stack.staleness import PrState
from tests.fakes.postgres import FakePostgres
from tests.fakes.postgres_statements import SHORT, TRY_LOCK
from tests.simulation.cluster import LivingCluster
from tests.simulation.controllers import is_ready
from tests.simulation.traffic import REFUSED_BY_POSTGRES, Traffic
from tests.simulation.witness import Witness

TRYING_THE_LOCK: Final = SHORT[TRY_LOCK]


class SimulatedWeb:
    """`Web`: what an ingress controller would answer, going by the cluster's Ingresses and pods."""

    def __init__(self, cluster: LivingCluster, traffic: Traffic) -> None:
        self._cluster, self._traffic = cluster, traffic

    async def get(self, url: str) -> Answer:
        host = urlsplit(url).hostname
        try:
            answer: Answer = await self._traffic.read(f"get {url}", lambda: self._answer(str(host)))
        except UnavailableError as error:
            return Answer(0, str(error))
        return answer

    def _answer(self, host: str) -> Answer:
        component = "temporal" if host.startswith("temporal-") else "webapp"
        for namespace in self._serving(host):
            if any(
                is_ready(pod) and pod["metadata"]["labels"].get(COMPONENT) == component for pod in self._cluster.all_of("Pod", namespace)
            ):
                return Answer(200, "ok")
            return Answer(503, "no endpoints")
        return Answer(404, "no such host")

    def _serving(self, host: str) -> list[str]:
        ingresses = self._cluster.everywhere("Ingress")
        return [each["metadata"]["namespace"] for each in ingresses if any(rule["host"] == host for rule in each["spec"]["rules"])]


class SimulatedFrontends:
    """`Frontends`: the Temporal in the pod that has the address."""

    def __init__(self, cluster: LivingCluster, traffic: Traffic) -> None:
        self._cluster, self._traffic = cluster, traffic
        self.smokes: list[str] = []
        """Workflow IDs that were run, in order."""

    async def serving(self, address: str) -> bool:
        return bool(await self._traffic.read("ask a preview's Temporal", lambda: self._require(address)))

    async def polled(self, address: str, task_queues: Sequence[str]) -> frozenset[str]:
        await self._traffic.read("ask a preview's task queues", lambda: self._require(address))
        return frozenset(task_queues)

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        raise NotImplementedError("templates are simulated as a whole")

    async def run(self, address: str, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> str:
        await self._traffic.write(f"run {workflow}", lambda: self._smoke(address, workflow_id))
        return ""

    def _smoke(self, address: str, workflow_id: str) -> None:
        self._require(address)
        self.smokes.append(workflow_id)

    def _require(self, address: str) -> bool:
        host = address.rsplit(":", 1)[0]
        if any(is_ready(pod) and pod["status"].get("podIP") == host for pod in self._cluster.everywhere("Pod")):
            return True
        raise UnavailableError("connect to Temporal", obj=address, answer="connection refused")


class SimulatedTemplates:
    """`Templates`: made in one go, shared by all previews and left when these go."""

    def __init__(self, postgres: FakePostgres, traffic: Traffic) -> None:
        self._postgres, self._traffic = postgres, traffic

    async def ensure(self, version: str) -> None:
        await self._traffic.write(f"make templates of {version}", lambda: self._make(version))

    def _make(self, version: str) -> None:
        for name in template_databases(version):
            self._postgres.add_template(name, template_role(version))


class SimulatedForge:
    """`Forge`: pull requests are open unless a test says otherwise."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.closed: set[int] = set()

    async def state_of(self, repository: str, pr: int) -> PrState:
        state: PrState = await self._traffic.read(f"ask the forge of {pr}", lambda: "closed" if pr in self.closed else "open")
        return state


class SimulatedSecrets:
    """`SecretSource` by the stack file: files by name."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.files: dict[str, Mapping[str, str]] = {"shop.env": {"API_KEY": "a", "TOKEN": "b"}}

    async def read(self, name: Secrets) -> Mapping[str, str]:
        file = name.file or ""
        if file not in self.files:
            raise MissingSecretError("read secrets from", obj=name.source)
        values: Mapping[str, str] = await self._traffic.read(f"read secrets {file}", lambda: self.files[file])
        return values


def over(traffic: Traffic, witness: Witness) -> Any:
    """The network between the worker and PostgreSQL."""

    async def send(statement: str, changes: bool, perform: Any) -> Any:
        what = f"SQL {statement}"
        if changes:
            return await traffic.write(what, lambda: witness.statement(what, perform), REFUSED_BY_POSTGRES)
        rows = await traffic.read(what, perform, REFUSED_BY_POSTGRES)
        if statement == TRYING_THE_LOCK and rows[0][0]:
            witness.lock()
        return rows

    return send
