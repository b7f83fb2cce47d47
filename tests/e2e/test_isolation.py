"""Two previews side by side cannot see each other's workflows, databases or ports, and nobody sees what is not for him."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from local.settings import KUBERNETES_PORT, Ports
from stack.masking import SHORTEST, secret_values
from tests.e2e.conftest import NUMBERS, Leaving
from tests.e2e.platform import INGRESS, Preview, kubectl, objects, secret
from tests.e2e.reach import METADATA, Target, from_here, from_pod, probes

POSTGRES_HOST, _, POSTGRES_PORT = os.environ.get("PREVIEWS_DATABASE_POD_ADDRESS", ":0").partition(":")

INGRESS_NAMESPACE = os.environ.get("PREVIEWS_INGRESS_NAMESPACE", "")
INTERNAL_PORTS = {
    "frontend-http": 7243,
    "history": 7234,
    "matching": 7235,
    "worker": 7239,
    "membership-frontend": 6933,
    "membership-history": 6934,
    "membership-matching": 6935,
    "membership-worker": 6939,
}
"""What temporal-server opens on all addresses of its pod besides the frontend."""
STANDS_FOR_PRODUCTION = {
    "production-frontend": (POSTGRES_HOST, int(os.environ.get("TEMPORAL_ADDRESS", ":0").rpartition(":")[2])),
    "production-ui": (POSTGRES_HOST, int(os.environ.get("TEMPORAL_UI_URL", ":0").rpartition(":")[2])),
    "production-postgresql": (POSTGRES_HOST, Ports.current().postgres_production),
}
"""Locally production listens on 127.0.0.1, where no pod gets anyway: for the test something listens at the same ports of the host's
address in the pods' network, as production does where it is reachable by address at all."""

Table = dict[str, dict[str, str]]
"""Target → source → `open`, `.` (refused or unanswered) or `?` (not asked)."""
Source = Callable[[Mapping[str, Target]], dict[str, str]]

TABLE = """
                     other-webapp  other-temporal  default  ingress  webapp  temporal  deployer
page                      .              .            .      open     open       .         .
page-service              .              .            .      open      ?         .         .
ui                        .              .            .      open      .       open        .
ui-service                .              .            .      open      .         ?         .
frontend                  .              .            .        .      open     open      open
frontend-service          .              .            .        .      open       ?       open
frontend-http             .              .            .        .       .       open        .
history                   .              .            .        .       .       open        .
matching                  .              .            .        .       .       open        .
worker                    .              .            .        .       .       open        .
membership-frontend       .              .            .        .       .       open        .
membership-history        .              .            .        .       .       open        .
membership-matching       .              .            .        .       .       open        .
membership-worker         .              .            .        .       .       open        .
api-service               .              .          open     open      .         .         ?
api-node                  .              .          open     open      .         .         ?
kubelet                   .              .          open     open      .         .         ?
metadata                  .              .          open     open      .         .         ?
production-frontend       .              .          open     open      .         .         ?
production-ui             .              .          open     open      .         .         ?
production-postgresql     .              .          open     open      .         .         ?
previews-postgresql     open           open         open     open    open      open        ?
registry                  .              .          open     open      .         .         ?
dns                     open           open         open     open    open      open        ?
"""
"""Columns: who dials. Rows: what is dialled. Why each is so: docs/security.md.

No policy holds in `default` and `ingress`: what is open to them is refused to a preview by its own rules. Inside the temporal pod
everything is open to everybody who is in it. A Service that leads a pod back to itself is left out, and so is what the worker's machine
reaches besides previews.
"""


def read_table(text: str) -> Table:
    head, *lines = text.strip().splitlines()
    rows = [line.split() for line in lines]
    return {row: dict(zip(head.split(), cells, strict=True)) for row, *cells in rows}


def show_table(table: Table) -> list[str]:
    return [f"{row} from {source}: {cell}" for row, cells in table.items() for source, cell in cells.items()]


@pytest.fixture(scope="module")
def pair(images: list[str], leaving: Leaving) -> Iterator[tuple[Preview, Preview]]:
    """Two ready previews."""
    one, two = Preview(next(NUMBERS), images), Preview(next(NUMBERS), images)
    try:
        for preview in (one, two):
            result = preview.deploy()
            assert result.code == 0, result
        yield one, two
    finally:
        for preview in (one, two):
            leaving.add(preview)


def test_a_workflow_of_one_is_unknown_to_the_other(pair: tuple[Preview, Preview]) -> None:
    import asyncio

    async def check() -> None:
        mine, other = [await Client.connect(_frontend(preview)) for preview in pair]
        assert await mine.execute_workflow("Greet", id="only-here", task_queue="default")
        await mine.get_workflow_handle("only-here").describe()
        with pytest.raises(RPCError, match="not found"):
            await other.get_workflow_handle("only-here").describe()

    asyncio.run(check())


@pytest.mark.parametrize(("role", "key"), [("", "TEMPORAL_PASSWORD"), ("_app", "APP_PASSWORD")])
def test_a_role_of_one_cannot_connect_to_any_database_but_its_own(pair: tuple[Preview, Preview], role: str, key: str) -> None:
    one, two = pair
    password = secret(one.namespace, "database", key)
    mine = "app" if role else "temporal"
    with _connect(f"pr_{one.pr}{role}", password, f"pr_{one.pr}_{mine}") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    others = [f"pr_{two.pr}_{name}" for name in ("temporal", "visibility", "app")]
    for database in [*others, f"pr_{one.pr}_{'temporal' if role else 'app'}", "postgres", "template1"]:
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|not permitted|pg_hba"):
            _connect(f"pr_{one.pr}{role}", password, database)


def test_the_table_of_who_reaches_what_holds(pair: tuple[Preview, Preview]) -> None:
    """Each cell is a connection that was tried. A target that nobody reached would prove nothing, so each is open to somebody."""
    one, two = pair
    expected = read_table(TABLE)
    assert all("open" in row.values() for row in expected.values())
    image = next(image.partition("=")[2] for image in one.images if image.startswith("worker="))
    with ExitStack() as stack:
        for address in STANDS_FOR_PRODUCTION.values():
            stack.enter_context(socket.create_server(address))
        waiting = stack.enter_context(probes(image, "default", INGRESS_NAMESPACE))
        found = connections(expected, addresses(one), sources(one, two, waiting))
    assert show_table(found) == show_table(expected)


def connections(expected: Table, targets: dict[str, Target], sources: dict[str, Source]) -> Table:
    """The same table as it is seen. All sources try at once, each of them all of its targets at once."""
    assert targets.keys() == expected.keys()
    asked = {name: {row: targets[row] for row, cells in expected.items() if cells[name] != "?"} for name in sources}
    with ThreadPoolExecutor(len(sources)) as pool:
        answers = dict(zip(sources, pool.map(lambda name: sources[name](asked[name]), sources), strict=True))
    return {row: {name: answers[name].get(row, "?") for name in cells} for row, cells in expected.items()}


def sources(one: Preview, two: Preview, waiting: str) -> dict[str, Source]:
    """Columns of the table."""
    pods = {
        "other-webapp": (two.namespace, "deployment/webapp", "backend"),
        "other-temporal": (two.namespace, "deployment/temporal", "python-worker"),
        "default": ("default", waiting, None),
        "ingress": (INGRESS_NAMESPACE, waiting, None),
        "webapp": (one.namespace, "deployment/webapp", "backend"),
        "temporal": (one.namespace, "deployment/temporal", "python-worker"),
    }
    inside: dict[str, Source] = {name: partial(_from_pod, *place) for name, place in pods.items()}
    return {**inside, "deployer": from_here}


def _from_pod(namespace: str, pod: str, container: str | None, targets: Mapping[str, Target]) -> dict[str, str]:
    return from_pod(namespace, pod, targets, container)


def addresses(one: Preview) -> dict[str, Target]:
    """Rows of the table."""
    page, temporal = (_pod_address(one, component) for component in ("webapp", "temporal"))
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}")
    return {
        "page": (page, 8080),
        "page-service": (_service_address(one.namespace, "webapp"), 80),
        "ui": (temporal, 8080),
        "ui-service": (_service_address(one.namespace, "temporal"), 8080),
        "frontend": (temporal, 7233),
        "frontend-service": (_service_address(one.namespace, "temporal"), 7233),
        **{name: (temporal, port) for name, port in INTERNAL_PORTS.items()},
        "api-service": (_service_address("default", "kubernetes"), 443),
        "api-node": (node, KUBERNETES_PORT),
        "kubelet": (node, 10250),
        "metadata": METADATA,
        **STANDS_FOR_PRODUCTION,
        "previews-postgresql": (POSTGRES_HOST, int(POSTGRES_PORT)),
        "registry": (POSTGRES_HOST, Ports.current().registry),
        "dns": (_service_address("kube-system", "kube-dns"), 53),
    }


def test_the_page_and_the_ui_are_reached_through_the_ingress(pair: tuple[Preview, Preview]) -> None:
    """The column `ingress` is a pod beside the controller; this is the controller itself."""
    one, _ = pair
    for host in (one.host, f"temporal-{one.host}"):
        with closing(HTTPConnection(*INGRESS, timeout=10)) as connection:
            connection.request("GET", "/", headers={"Host": f"{host}:{INGRESS[1]}"})
            assert connection.getresponse().status == 200, host


def test_temporal_ui_knows_no_secret(pair: tuple[Preview, Preview]) -> None:
    """Looked at in the memory of the process that runs, whatever its manifest says."""
    for preview in pair:
        hidden = {value for value in secret_values(objects("secrets", preview.namespace)) if len(value) >= SHORTEST}
        assert secret(preview.namespace, "database", "TEMPORAL_PASSWORD") in hidden
        (environment,) = [text for text in environments("ui-server") if f"//temporal-{preview.host}" in text]
        assert "TEMPORAL_UI_PORT" in environment
        assert not [value for value in hidden if value in environment]


def environments(program: str) -> Iterator[str]:
    """Of every process of a program, in whichever container."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if Path(os.fsdecode((process / "cmdline").read_bytes().split(b"\0")[0])).name == program:
                yield (process / "environ").read_bytes().decode(errors="replace")


def test_the_ingress_hands_on_the_policy_that_keeps_markdown_quiet(pair: tuple[Preview, Preview]) -> None:
    """What the policy forbids: tests/contract/test_temporal_ui.py."""
    one, _ = pair
    with closing(HTTPConnection(*INGRESS, timeout=10)) as connection:
        connection.request("GET", "/render?content=x", headers={"Host": f"temporal-{one.host}:{INGRESS[1]}"})
        policy = connection.getresponse().headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


def test_no_ingress_routes_to_the_frontend(pair: tuple[Preview, Preview]) -> None:
    for preview in pair:
        paths = [
            path for item in objects("ingresses", preview.namespace) for rule in item["spec"]["rules"] for path in rule["http"]["paths"]
        ]
        ports = [path["backend"]["service"]["port"] for path in paths]
        assert len(ports) == 2
        assert not any(port in ({"number": 7233}, {"name": "grpc"}) for port in ports)


def _frontend(preview: Preview) -> str:
    return f"{_service_address(preview.namespace, 'temporal')}:7233"


def _connect(role: str, password: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=POSTGRES_HOST, port=int(POSTGRES_PORT), user=role, password=password, dbname=database, sslmode="require", connect_timeout=5
    )


def _service_address(namespace: str, name: str) -> str:
    return kubectl("get", "service", name, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")


def _pod_address(preview: Preview, component: str) -> str:
    found = [pod for pod in objects("pods", preview.namespace) if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component]
    (address,) = [pod["status"]["podIP"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return str(address)
