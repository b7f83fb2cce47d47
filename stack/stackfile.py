"""The stack file (`preview.yaml`) as values: what one copy of the application consists of."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from stack.model import Duration, Model

Label = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
"""Name of a container or an app: a DNS label of at most 40 characters."""
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00:]{0,254}$")]
Port = Annotated[int, Field(ge=1024, le=65535)]
"""Containers run without privileges, so ports below 1024 cannot be bound."""
Text = Annotated[str, Field(max_length=8192)]
DopplerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
"""Name (slug) of a project or a config."""
TaskQueue = Annotated[str, Field(min_length=1, max_length=200)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
"""A Kubernetes quantity such as 250m, 256Mi or 1.5Gi."""


class Resources(Model):
    """What one container asks for. Memory is request and limit, CPU only a request: a CPU limit throttles start-up."""

    memory: Quantity = "256Mi"
    cpu: Quantity = "50m"


class Readiness(Model):
    """How the kubelet learns that a container works: an HTTP path (on `port`, by default the container's) or a command."""

    path: Annotated[str, Field(pattern=r"^/[^\s]{0,254}$")] | None = None
    port: Port | None = None
    command: tuple[Text, ...] | None = None
    deadline: Duration = timedelta(minutes=2)
    """How long a container may take until it is ready for the first time."""


class Process(Model):
    """What containers of every kind have in common."""

    image: str
    """Name of one of the images given by `--image NAME=REF`."""
    command: tuple[Text, ...] = ()
    """Empty: what the image says."""
    working_dir: AbsolutePath | None = None
    env: dict[EnvName, Text] = {}
    """Values arrive as written; only `{url}`, `{pr}` and `{commit}` are replaced."""
    readiness: Readiness | None = None
    resources: Resources = Resources()
    user: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1000
    writable: tuple[AbsolutePath, ...] = ()
    """Folders that are empty and writable; everything else is read-only."""


class Container(Process):
    """One container of the webapp pod."""

    name: Label
    port: Port | None = None


class Webapp(Model):
    """The pod that serves the public page."""

    containers: Annotated[tuple[Container, ...], Field(min_length=1, max_length=8)]
    public: Label | None = None
    """The container whose port is public; needed when several have one."""


class Smoke(Model):
    """A workflow that is run once in the preview's own Temporal to prove that it works end to end."""

    workflow: Annotated[str, Field(min_length=1, max_length=200)]
    task_queue: TaskQueue


class Worker(Process):
    """The application's Temporal worker, beside the server in the temporal pod."""

    task_queues: Annotated[tuple[TaskQueue, ...], Field(min_length=1, max_length=16)]
    smoke: Smoke | None = None


class Temporal(Model):
    """The preview's own Temporal."""

    server: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$")]
    """Version of temporal-server; one template database is kept per version."""
    worker: Worker


class Database(Model):
    """The application's own database on the shared PostgreSQL."""

    app: bool = False
    connections: Annotated[int, Field(ge=1, le=100)] = 5
    """Connection limit of the application's role."""
    url_variable: EnvName = "DATABASE_URL"
    """Environment variable that carries the libpq URL into the application's containers."""


class DopplerConfig(Model):
    """One config of a project in Doppler."""

    project: DopplerName
    config: DopplerName


class SecretsSource(Model):
    """Where an application's secrets come from: exactly one of these."""

    doppler: DopplerConfig | None = None
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    """Name of an env file in the worker's folder of secrets; a name, never a path."""
    secret: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,98}[a-z0-9])?$")] | None = None
    """Name of a Secret in the deployer's own namespace that is labelled for it."""

    @property
    def source(self) -> str:
        """It by name, for messages."""
        if self.doppler:
            return f"Doppler config {self.doppler.project}/{self.doppler.config}"
        return f"file {self.file}" if self.file else f"Secret {self.secret}"


class Secrets(SecretsSource):
    """Where the application's secrets come from and how its containers see them."""

    as_: Annotated[Literal["env", "files"], Field(alias="as")] = "env"
    path: AbsolutePath = "/run/secrets/app"
    """Folder of the files when `as: files`."""
    required: tuple[EnvName, ...] = ()
    """Keys without which a deploy is refused."""
    forks: SecretsSource | None = None
    """Where the values come from that previews of forks get instead; without it they get none."""


class Quota(Model):
    """Bounds of the namespace as a whole."""

    memory: Quantity = "4Gi"
    cpu: Quantity = "4"
    pods: Annotated[int, Field(ge=2, le=50)] = 10


class Network(Model):
    """What pods may reach beyond their own stack, DNS and the shared PostgreSQL."""

    internet: bool = True


class StackFile(Model):
    """The whole stack file."""

    app: Label
    host: Annotated[str, Field(max_length=200)]
    """Host name of the page with `{pr}` in it; temporal-ui answers at `temporal-` in front of it."""
    webapp: Webapp
    temporal: Temporal
    database: Database = Database()
    secrets: Secrets | None = None
    quota: Quota = Quota()
    network: Network = Network()
    ttl: Duration = timedelta(hours=72)
    failed_ttl: Duration = timedelta(hours=1)
