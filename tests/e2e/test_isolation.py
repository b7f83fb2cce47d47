"""Two previews side by side cannot see each other's workflows, databases or ports."""

import json
import os
import socket
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from tests.e2e.conftest import NUMBERS
from tests.e2e.platform import Preview, kubectl, objects, secret

POSTGRES_HOST, _, POSTGRES_PORT = os.environ.get("PREVIEWS_DATABASE_POD_ADDRESS", ":0").partition(":")

REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
    print("open")
except OSError as error:
    print("closed:", error)
"""


@pytest.fixture(scope="module")
def pair(images: list[str]) -> Iterator[tuple[Preview, Preview]]:
    """Two ready previews."""
    one, two = Preview(next(NUMBERS), images), Preview(next(NUMBERS), images)
    try:
        for preview in (one, two):
            result = preview.deploy()
            assert result.code == 0, result
        yield one, two
    finally:
        codes = [preview.teardown().code for preview in (one, two)]
    assert codes == [0, 0]


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


def test_the_frontend_is_reached_by_its_own_webapp_and_by_nobody_else(pair: tuple[Preview, Preview]) -> None:
    one, two = pair
    assert _reach(one, f"temporal.{one.namespace}.svc", 7233) == "open"
    assert _reach(two, f"temporal.{one.namespace}.svc", 7233).startswith("closed")
    assert _reach(two, f"temporal.{one.namespace}.svc", 8080).startswith("closed")
    assert _reach(two, f"webapp.{one.namespace}.svc", 80).startswith("closed")


def test_the_frontend_is_refused_from_a_namespace_without_any_policy(pair: tuple[Preview, Preview]) -> None:
    one, _ = pair
    address = kubectl("get", "service", "temporal", "-n", one.namespace, "-o", "jsonpath={.spec.clusterIP}")
    assert _reach_from_default(one, "10.96.0.10", 53) == "open", "the cluster's DNS is the control: this way is open"
    assert _reach_from_default(one, address, 7233).startswith("closed")


def test_pods_do_not_reach_the_cluster_api(pair: tuple[Preview, Preview]) -> None:
    one, _ = pair
    assert _reach_from_default(one, "10.96.0.1", 443) == "open", "the control: no policy holds in the namespace default"
    assert _reach(one, "10.96.0.1", 443).startswith("closed")


def test_of_the_host_pods_reach_the_shared_postgresql_and_no_other_port(pair: tuple[Preview, Preview]) -> None:
    """The production Temporal listens on loopback only; the port of this test stands for whatever else a host may offer."""
    one, _ = pair
    with socket.create_server((POSTGRES_HOST, 0)) as server:
        port = server.getsockname()[1]
        assert _reach_from_default(one, POSTGRES_HOST, port) == "open", "the control: no policy holds in the namespace default"
        assert _reach(one, POSTGRES_HOST, port).startswith("closed")
    assert _reach(one, POSTGRES_HOST, int(POSTGRES_PORT)) == "open"


def test_no_ingress_routes_to_the_frontend(pair: tuple[Preview, Preview]) -> None:
    for preview in pair:
        paths = [
            path for item in objects("ingresses", preview.namespace) for rule in item["spec"]["rules"] for path in rule["http"]["paths"]
        ]
        ports = [path["backend"]["service"]["port"] for path in paths]
        assert len(ports) == 2
        assert not any(port in ({"number": 7233}, {"name": "grpc"}) for port in ports)


def _frontend(preview: Preview) -> str:
    return kubectl("get", "service", "temporal", "-n", preview.namespace, "-o", "jsonpath={.spec.clusterIP}") + ":7233"


def _connect(role: str, password: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=POSTGRES_HOST, port=int(POSTGRES_PORT), user=role, password=password, dbname=database, sslmode="require", connect_timeout=5
    )


def _reach(preview: Preview, host: str, port: int) -> str:
    """Tries a connection from the preview's webapp."""
    return kubectl("exec", "-n", preview.namespace, "deployment/webapp", "--", "python", "-c", REACH, host, str(port)).strip()


def _reach_from_default(preview: Preview, host: str, port: int) -> str:
    """Tries a connection from a pod of its own in the namespace `default`."""
    image = next(image.partition("=")[2] for image in preview.images if image.startswith("worker="))
    container = {"name": "probe", "image": image, "command": ["python", "-c", REACH, host, str(port)]}
    spec = {"containers": [container], "restartPolicy": "Never"}
    name = f"probe-{uuid.uuid4().hex[:8]}"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    try:
        kubectl("wait", f"pod/{name}", "-n", "default", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
        return kubectl("logs", name, "-n", "default").strip()
    finally:
        kubectl("delete", "pod", name, "-n", "default", "--grace-period=0", "--wait")
