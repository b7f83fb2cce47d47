"""The production Temporal: server and UI as processes on loopback, on a PostgreSQL of their own."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import psycopg
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from local import binaries
from local.commands import run, write
from local.errors import PlatformError, failed
from local.passwords import password
from local.postgres import Server, ensure_role
from local.programs import Program, fingerprint
from local.settings import PATHS, TEMPORAL_NAMESPACE, Ports
from stack.attributes import SEARCH_ATTRIBUTES

ROLE = "temporal"
STORES = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
SHARDS = "4"
RETENTION = timedelta(days=30)
REGISTRATION_SECONDS = 60.0  # the frontend answers before its shards are acquired and a new namespace is in every cache
ANSWER_SECONDS = 5.0  # it only looks something up; who waits for longer asks again

TEMPLATES = Path(__file__).parent / "templates"
UI_CONFIG = PATHS.home / "temporal-ui"
SERVER_LOG = PATHS.logs / "temporal.log"


def programs(ports: Ports) -> list[Program]:
    """Environment variables are the public image's. The user interface may be started before the server."""
    address = f"127.0.0.1:{ports.temporal}"
    server = {
        "USER": "root",
        "DB": "postgres12_pgx",
        "POSTGRES_SEEDS": "127.0.0.1",
        "DB_PORT": str(ports.postgres_production),
        "POSTGRES_USER": ROLE,
        "POSTGRES_PWD": password(ROLE),
        "DBNAME": "temporal",
        "VISIBILITY_DBNAME": "temporal_visibility",
        "BIND_ON_IP": "127.0.0.1",
        "FRONTEND_GRPC_PORT": str(ports.temporal),
        "NUM_HISTORY_SHARDS": SHARDS,
        "DYNAMIC_CONFIG_FILE_PATH": str(TEMPLATES / "temporal.yaml"),
        "LOG_LEVEL": "warn",
        "TEMPORAL_ALLOW_NO_AUTH": "true",
        "GOMEMLIMIT": "400MiB",
        "SETTINGS": fingerprint((TEMPLATES / "temporal.yaml").read_text()),
    }
    ui_text = (TEMPLATES / "temporal-ui.yaml").read_text().format(address=address, port=ports.temporal_ui, namespace=TEMPORAL_NAMESPACE)
    write(UI_CONFIG / "local.yaml", ui_text)
    ui = [binaries.program("ui-server"), "--root", UI_CONFIG, "--config", ".", "--env", "local", "start"]
    return [
        Program("temporal", [binaries.program("temporal-server"), "start"], order=30, environment=server, automatic=False),
        Program("temporal-ui", ui, order=40, environment={"SETTINGS": fingerprint(ui_text)}),
    ]


def ensure_schema(server: Server, ports: Ports) -> None:
    """Role, databases and the schema of this server's version; before the server starts. Idempotent. Raises PlatformError."""
    ensure_role(server, ROLE, "CREATEDB")
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    for database, schema in STORES.items():
        if database not in known:
            _sql_tool(ports, database, "create-database")
        if not _has_schema(server, database):
            _sql_tool(ports, database, "setup-schema", "--version", "0.0")
        _sql_tool(ports, database, "update-schema", "--schema-name", schema)


def _has_schema(server: Server, database: str) -> bool:
    with psycopg.connect(server.admin_url, dbname=database) as connection:
        (name,) = connection.execute("SELECT to_regclass('schema_version')").fetchone() or (None,)
    return name is not None


def _sql_tool(ports: Ports, database: str, *command: str) -> None:
    connection = ["--plugin", "postgres12_pgx", "--endpoint", "127.0.0.1", "--port", str(ports.postgres_production)]
    argv = [binaries.program("temporal-sql-tool"), *connection, "--user", ROLE, "--database", database, *command]
    run(argv, what=f"prepare Temporal's database {database}", env={"SQL_PASSWORD": password(ROLE), "USER": "root"})


def register(ports: Ports) -> None:
    """The Temporal namespace and its search attributes. Idempotent. Raises PlatformError."""
    try:
        asyncio.run(asyncio.wait_for(_register(f"127.0.0.1:{ports.temporal}"), REGISTRATION_SECONDS))
    except TimeoutError as late:
        what = f"Temporal did not register its namespace in {REGISTRATION_SECONDS:.0f} s"
        raise failed(what, SERVER_LOG, "`make down && make up` starts it afresh.") from late


def is_polled(ports: Ports, queue: str, since: float) -> bool:
    """Whether a worker has asked this task queue for work since then (seconds since the epoch). False when Temporal does not answer."""
    try:
        return asyncio.run(asyncio.wait_for(_is_polled(f"127.0.0.1:{ports.temporal}", queue, since), ANSWER_SECONDS))
    except TimeoutError:
        return False


async def _is_polled(address: str, queue: str, since: float) -> bool:
    client = await _connect(address)
    request = DescribeTaskQueueRequest(
        namespace=TEMPORAL_NAMESPACE,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        described = await client.workflow_service.describe_task_queue(request)
    except RPCError:
        return False
    return any(poller.last_access_time.seconds >= since for poller in described.pollers)


async def _register(address: str) -> None:
    client = await _connect(address)
    await _ensure_namespace(client)
    await _add_search_attributes(client)


async def _connect(address: str) -> Client:
    while True:
        try:
            return await Client.connect(address, namespace=TEMPORAL_NAMESPACE)
        except RuntimeError:  # not listening yet
            await asyncio.sleep(0.1)


async def _ensure_namespace(client: Client) -> None:
    """Registers the namespace if it is unknown, and returns when the server knows it."""
    service = client.workflow_service
    while True:
        try:
            await service.describe_namespace(DescribeNamespaceRequest(namespace=TEMPORAL_NAMESPACE))
            return
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                request = RegisterNamespaceRequest(namespace=TEMPORAL_NAMESPACE)
                request.workflow_execution_retention_period.FromTimedelta(RETENTION)
                with contextlib.suppress(RPCError):  # still starting, or another `up` was quicker: the next look will tell
                    await service.register_namespace(request)
            await asyncio.sleep(0.2)


async def _add_search_attributes(client: Client) -> None:
    service = client.operator_service
    while True:
        try:
            known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=TEMPORAL_NAMESPACE))
            wanted = {name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in SEARCH_ATTRIBUTES.items()}
            _same_types(dict(known.custom_attributes), wanted)
            lacking = {name: kind for name, kind in wanted.items() if name not in known.custom_attributes}
            if not lacking:
                return
            await service.add_search_attributes(AddSearchAttributesRequest(namespace=TEMPORAL_NAMESPACE, search_attributes=lacking))
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise PlatformError(f"Temporal refuses the search attributes: {error.message}") from error
            await asyncio.sleep(0.2)


def _same_types(known: dict[str, "IndexedValueType.ValueType"], wanted: dict[str, "IndexedValueType.ValueType"]) -> None:
    if wrong := [name for name, kind in wanted.items() if known.get(name, kind) != kind]:
        raise PlatformError(f"Temporal knows {', '.join(wrong)} with another type; `make purge` removes its database")
