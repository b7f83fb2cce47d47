"""Previews on a managed PostgreSQL: 22 connections in all, TLS that is verified in full, an odd port, no superuser, `host:port` as one
value, and pods that may reach that one address."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.settings import HOST_ADDRESS
from tests.contract.postgresql import Server, running
from tests.e2e.platform import ROOT, Preview, kubectl, objects

CONNECTIONS = 22


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Where pods reach the platform's own."""
    with running(CONNECTIONS, HOST_ADDRESS) as server:
        yield server


@pytest.fixture(scope="module")
def worker(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A worker that knows that server and no other. Yields what a starter.py needs to reach it."""
    url: Path = tmp_path_factory.mktemp("managed") / "url"
    url.write_text(server.one_value())
    queue = {"PREVIEWS_TASK_QUEUE": f"managed-{uuid.uuid4().hex[:8]}"}
    settings = {
        "PREVIEWS_DATABASE_URL_FILE": str(url),
        "PREVIEWS_DATABASE_POD_ADDRESS": "",
        "PREVIEWS_DATABASE_CA_FILE": str(server.ca_file),
        "PREVIEWS_DATABASE_CIDR": f"{HOST_ADDRESS}/32",
        "PREVIEWS_DATABASE_CONNECTIONS": "2",
        "KUBECONFIG": os.environ["PLATFORM_DEPLOYER_KUBECONFIG"],
    }
    with (ROOT / ".local" / "logs" / "worker-managed.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(ROOT / "worker.py")], env=os.environ | settings | queue, stdout=log, stderr=log)
    try:
        yield queue
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


@pytest.fixture
def managed(worker: dict[str, str], new_preview: Callable[[], Preview]) -> Callable[[], Preview]:
    """Makes previews of that worker."""

    def make() -> Preview:
        preview = new_preview()
        preview.environment |= worker
        return preview

    return make


def without_a_database(preview: Preview) -> Preview:
    """A page and a worker that need none, so that only temporal-server has connections."""
    preview.stack["database"] = {"app": False}
    backend: dict[str, Any] = preview.stack["webapp"]["containers"][0]
    backend |= {"command": ["python", "-m", "http.server", "8080"], "readiness": {"path": "/"}}
    return preview


def there(server: Server, preview: Preview) -> list[str]:
    """Roles, databases and namespaces of a preview."""
    query = "SELECT rolname FROM pg_roles UNION ALL SELECT datname FROM pg_database"
    with server.superuser() as connection:
        names = [name for (name,) in connection.execute(query) if f"pr_{preview.pr}" in name]
    return names + kubectl("get", "namespaces", "-o", "name", "--field-selector", f"metadata.name={preview.namespace}").split()


def test_the_application_and_its_temporal_verify_the_server(server: Server, managed: Callable[[], Preview]) -> None:
    preview = managed()
    result = preview.deploy()
    assert result.code == 0, result
    with server.superuser() as connection:
        query = (
            "SELECT DISTINCT usename::text, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename LIKE 'pr\\_%%' ORDER BY 1"
        )
        assert connection.execute(query, ()).fetchall() == [(f"pr_{preview.pr}", True), (f"pr_{preview.pr}_app", True)]
    (rule,) = [
        policy["spec"] for policy in objects("networkpolicies", preview.namespace) if policy["metadata"]["name"] == "allow-postgresql"
    ]
    assert rule["egress"] == [{"to": [{"ipBlock": {"cidr": f"{HOST_ADDRESS}/32"}}], "ports": [{"port": server.port, "protocol": "TCP"}]}]
    assert preview.teardown().code == 0
    assert there(server, preview) == []


def test_two_fit_and_the_third_is_refused_with_the_reason_and_leaves_nothing(server: Server, managed: Callable[[], Preview]) -> None:
    one, two, three = (without_a_database(managed()) for _ in range(3))
    for preview in (one, two):
        result = preview.deploy()
        assert result.code == 0, result
    refused = three.deploy()
    assert refused.code == 1, refused
    assert refused.outcome["diagnosis"]["category"] == "no-capacity"
    assert f"of {CONNECTIONS} connections 0 are left, and 8 more are needed" in refused.outcome["diagnosis"]["summary"]
    assert refused.outcome["seconds"].get("apply") is None, "it was not let in to die"
    assert refused.seconds < 40, refused
    assert there(server, three) == []
    again = two.deploy("2222222")
    assert again.code == 0, f"an update needs no more than it has: {again}"
