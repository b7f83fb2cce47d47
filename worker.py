"""The worker: settings → gateways → activities → Worker → SIGTERM. Everything is put together here and nowhere else."""

import asyncio
import inspect
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from tenacity import before_sleep_log, retry, retry_if_exception_type, wait_exponential

from activities.admission import AdmissionActivities
from activities.cleanup import CleanupActivities
from activities.databases import DatabaseActivities
from activities.images import ImageActivities
from activities.namespaces import NamespaceActivities
from activities.records import RecordActivities
from activities.removal import RemovalActivities
from activities.secrets import SecretActivities
from activities.survey import Sources
from activities.verification import VerificationActivities
from activities.workloads import WorkloadActivities
from gateways import encryption, production
from gateways.cluster_secrets import ClusterSecrets
from gateways.doppler import Doppler
from gateways.files import text_of
from gateways.forge import GitHub
from gateways.kubernetes_cluster import KubernetesCluster
from gateways.postgres import PostgresServer
from gateways.postgres_databases import PostgresDatabases
from gateways.postgres_template import PostgresTemplates
from gateways.pull_requests import GitHubPullRequests
from gateways.records import ClusterRecords
from gateways.runs import TemporalRuns
from gateways.secret_files import EnvFiles
from gateways.secret_sources import StackSecrets
from gateways.template_job import JobTemplates
from gateways.temporal import TemporalFrontends
from gateways.web import Credentials, IngressWeb
from stack.errors import InvalidInputError, PermanentError, PreviewError
from stack.manifests.blueprint import Postgres
from stack.registry import credentials
from stack.settings import PREFIX, Settings
from workflows.cleanup_stale_previews import CleanupStalePreviews
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

logger = logging.getLogger("worker")

GRACE = timedelta(seconds=20)
"""After SIGTERM, running activities may finish for this long; then they are cancelled and run again on another worker."""

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""A cancellation reaches an activity with its heartbeat; the SDK's default would make it wait for most of the heartbeat timeout."""

PASSED_THROUGH = ("stack", "workflows", "activities", "gateways", "pydantic", "pydantic_core", "kubernetes", "psycopg", "httpx")
"""Modules that the workflow sandbox does not load anew for each run: pure, or only named by workflows for their types."""


@retry(
    retry=retry_if_exception_type((RuntimeError, RPCError)),
    wait=wait_exponential(multiplier=0.2, max=5),
    before_sleep=before_sleep_log(logger, logging.WARNING),
)
async def patiently(options: ClientConnectConfig, converter: DataConverter) -> Client:
    """Waits for the production Temporal, however long it is away."""
    return await production.connect(options, converter)


async def connect(stop: asyncio.Event, converter: DataConverter) -> Client | None:
    """None if it is time to stop before Temporal has answered."""
    connecting = asyncio.create_task(patiently(production.connection_options(), converter))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else connecting.result()
    finally:
        connecting.cancel()
        stopping.cancel()


async def build_activities(settings: Settings, resources: AsyncExitStack) -> list[Callable[..., Any]]:
    """Every activity with the gateways it needs."""
    settings = knowing_production(settings)
    cluster = await KubernetesCluster.connect(settings.kubeconfig)
    resources.push_async_callback(cluster.close)
    url_file, _ = readable(required(settings.database_url_file, "database_url_file"), "database_url_file")
    require_registry_credentials(settings)
    server = PostgresServer(url_file, settings.database_ca_file, settings.database_connections)
    postgres = as_pods_see_it(server, settings)
    records, frontends = ClusterRecords(cluster, settings.home_namespace), TemporalFrontends()
    templates = JobTemplates(PostgresTemplates(server), cluster, frontends, settings, postgres)
    databases, runs = PostgresDatabases(server), TemporalRuns(activity.client, settings.task_queue)
    forge = GitHub(settings.forge_url, settings.forge_token_file) if settings.forge_token_file else None
    subjects: list[object] = [
        AdmissionActivities(records, settings, GitHubPullRequests(forge) if forge else None),
        RecordActivities(records, cluster, settings),
        NamespaceActivities(cluster, records, settings, postgres),
        DatabaseActivities(databases, templates, cluster, records, postgres),
        SecretActivities(sources_of_secrets(settings, cluster), cluster, records, settings),
        ImageActivities(cluster, records, settings),
        WorkloadActivities(cluster, databases, records, settings, postgres),
        VerificationActivities(
            IngressWeb(settings.ingress_address, ingress_credentials(settings)), frontends, cluster, databases, settings
        ),
        RemovalActivities(cluster, records),
        CleanupActivities(Sources(cluster, records, databases, runs), forge, settings),
    ]
    return [method for subject in subjects for method in activity_methods(subject)]


def knowing_production(settings: Settings) -> Settings:
    """With the address of the Temporal that this worker works for, which is none for previews."""
    known = (*settings.production_addresses, production.address(production.connection_options()))
    return settings.model_copy(update={"production_addresses": known})


def sources_of_secrets(settings: Settings, cluster: KubernetesCluster) -> StackSecrets:
    """Every source that a stack file may name."""
    return StackSecrets(
        doppler=Doppler(settings.doppler_url, settings.doppler_tokens_dir),
        files=EnvFiles(settings.secrets_dir),
        cluster=ClusterSecrets(cluster, settings.home_namespace),
    )


def activity_methods(subject: object) -> list[Callable[..., Any]]:
    """The methods of an object that are marked as activities."""
    methods = [method for _, method in inspect.getmembers(subject, inspect.ismethod)]
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


def as_pods_see_it(server: PostgresServer, settings: Settings) -> Postgres:
    """The shared PostgreSQL by the address that pods use."""
    host, port = (settings.database_pod_address or server.address()).rsplit(":", 1)
    authority = readable(settings.database_ca_file, "database_ca_file")[1] if settings.database_ca_file else None
    return Postgres(host, int(port), authority)


def ingress_credentials(settings: Settings) -> Credentials | None:
    """How the worker signs in where the ingress asks for basic authentication."""
    if settings.ingress_credentials_file is None:
        return None
    path, text = readable(settings.ingress_credentials_file, "ingress_credentials_file")
    try:
        return Credentials.read(text)
    except InvalidInputError as error:
        raise InvalidInputError([f"{PREFIX}INGRESS_CREDENTIALS_FILE: {path}: {problem}" for problem in error.problems]) from None


def require_registry_credentials(settings: Settings) -> None:
    """They are read at each deploy; what is wrong with them is said at the start."""
    if settings.registry_credentials_file is None:
        return
    path, text = readable(settings.registry_credentials_file, "registry_credentials_file")
    try:
        credentials(text)
    except InvalidInputError as error:
        raise InvalidInputError([f"{PREFIX}REGISTRY_CREDENTIALS_FILE: {path}: {problem}" for problem in error.problems]) from None


def required(path: Path | None, name: str) -> Path:
    """A setting that the worker cannot do without."""
    if path is None:
        raise InvalidInputError([f"{PREFIX}{name.upper()} is missing: it must name a file"])
    return path


def readable(path: Path, name: str) -> tuple[Path, str]:
    """The file of a setting, and its text."""
    return path, text_of(path, f"{PREFIX}{name.upper()}")


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then drains."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    converter = encryption.data_converter(encryption.payload_keys(settings.payload_keys_file))
    async with AsyncExitStack() as resources:
        activities = await build_activities(settings, resources)
        client = await connect(stop, converter)
        if client is None:
            return
        worker = Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[DeployPreview, TeardownPreview, CleanupStalePreviews],
            activities=activities,
            workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        )
        async with worker:
            logger.info("polling task queue %s", settings.task_queue)
            await stop.wait()
            logger.info("draining for up to %s", GRACE)


def main() -> int:
    """Exit code 0 after SIGTERM, 2 when the settings cannot be used, 1 when something else that is known fails."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    try:
        asyncio.run(run(Settings.from_env(os.environ)))
    except InvalidInputError as error:
        print("\n".join(["The settings cannot be used:", *(f"  - {problem}" for problem in error.problems)]), file=sys.stderr)
        return 2
    except PermanentError as error:
        print(f"The worker cannot start: {error}", file=sys.stderr)
        return 2
    except (PreviewError, OSError) as error:
        print(f"The worker ends: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # see starter.py
