"""The installation's settings. Nothing else reads the environment."""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError

from stack.errors import InvalidInputError
from stack.model import Duration, Model
from stack.settings_words import AddressBlocks, Addresses, Annotations

PREFIX = "PREVIEWS_"
DATABASE_CONNECTIONS = 3
"""Enough for a lock and two databases at once."""


class Settings(Model):
    """One frozen value, read once at the start. Each field is the environment variable PREVIEWS_<FIELD>.

    The address of the production Temporal is not here: the SDK reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_TLS… itself.
    """

    task_queue: str = "deployments"
    namespace_template: str = Field("pr-{pr}", pattern=r"\{pr\}")
    """Name of a preview's namespace; with `{app}` in it, one installation serves several repositories."""
    home_namespace: str = "temporal-previews"
    """The deployer's own namespace: records and jobs live there."""
    kubeconfig: Path | None = None
    """A kubeconfig for a worker outside the cluster; without it the worker uses its service account."""

    database_url_file: Path | None = None
    """File with the libpq URL of the shared PostgreSQL as the deployer's role."""
    database_pod_address: str | None = Field(None, pattern=r"^[^:\s]+:[0-9]{1,5}$")
    """host:port of the shared PostgreSQL as pods see it; by default as in the URL."""
    database_ca_file: Path | None = None
    """PEM file of the authority that signed PostgreSQL's certificate; with it, every connection is verified in full."""
    database_cidr: IPv4Network | None = None
    """Address block in which the shared PostgreSQL is. Where it is known by a name, pods otherwise reach its port everywhere."""
    database_connections: int = Field(DATABASE_CONNECTIONS, ge=2, le=50)
    """Connections that this worker opens to the shared PostgreSQL at most, and that are kept free for it."""

    payload_keys_file: Path | None = None
    """File with the keys that encrypt what Temporal keeps (stack/payload_keys.py); without it nothing is encrypted."""
    codec_listen: str = Field("127.0.0.1:8082", pattern=r"^[^:\s]+:[0-9]{1,5}$")
    """host:port on which `starter.py codec-server` decrypts for temporal-ui."""
    codec_origin: str | None = Field(None, pattern=r"^https?://[^/\s?#@]+$")
    """Where temporal-ui is, as browsers know it: https://host, and :port if it is not the usual one."""
    codec_token_file: Path | None = None
    """File with the password that the codec server asks for."""

    secrets_dir: Path | None = None
    """Folder of env files that stack files may name."""
    doppler_url: str = Field("https://api.doppler.com", pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$")
    doppler_tokens_dir: Path | None = None
    """Folder with one Doppler token per file: `<project>.<config>` for that config, and `token` for what else that token may read."""
    production_addresses: Addresses = ()
    """host:port, separated by commas, of the production Temporal as pods would reach it: no preview may work with it. The worker adds the
    address that it is connected to itself."""
    deployer_cidr: str | None = None
    """Address block of a worker outside the cluster; by default the worker's pods in the home namespace."""

    ingress_namespace: str = "ingress-nginx"
    """Namespace of the ingress controller's pods, which alone may reach the public ports."""
    ingress_class: str | None = None
    ingress_address: str | None = Field(None, pattern=r"^[^:\s]+:[0-9]{1,5}$")
    """host:port that the worker dials to see a page as the public does; by default the public host itself."""
    url_template: str = Field("https://{host}", pattern=r"^https?://\{host\}(:[0-9]{1,5})?$")
    ingress_annotations: Annotations = Field(default_factory=dict)
    """Annotations of every Ingress, as a JSON object: what the ingress controller is told, such as who must sign in and how."""
    ingress_credentials_file: Path | None = None
    """File with `user:password`, by which the worker signs in where the ingress asks for basic authentication."""
    ingress_guarded: bool = False
    """The ingress asks for a login that the worker cannot give: being refused, or sent to another host, then counts as an answer."""
    closed_cidrs: AddressBlocks = ()
    """Address blocks, by commas, that look like the internet and are not: public addresses of nodes and of the cluster's API."""

    image_pull_policy: str = Field("IfNotPresent", pattern=r"^(IfNotPresent|Always|Never)$")
    registry_credentials_file: Path | None = None
    """Docker's config.json with the credentials by which the nodes pull; it becomes a Secret of every stack's namespace."""
    server_image: str = "docker.io/temporalio/server:{version}"
    admin_tools_image: str = "docker.io/temporalio/admin-tools:{version}"
    ui_image: str = "docker.io/temporalio/ui:2.54.1"
    ui_writes: bool = True
    """Whether a preview's temporal-ui may start, cancel and signal workflows, for everybody who reaches it."""

    cleanup_every: Duration = Field(timedelta(minutes=15), ge=timedelta(minutes=1), le=timedelta(days=1))
    """How often the clean-up runs, such as 15m; `starter.py schedule apply` makes it so."""
    forge_url: str = Field("https://api.github.com", pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$")
    """Where the forge's REST API is; GitHub Enterprise Server has it under /api/v3."""
    forge_token_file: Path | None = None
    """File with a token that may read pull requests, contents and metadata. Without it the forge is not asked: who asks for a preview is
    believed, and previews of closed pull requests only expire."""
    stack_path: str = Field("preview.yaml", pattern=r"^[^/\s][^\s]{0,254}$")
    """Where the stack file is in its repository. With a forge token it is read from the base branch, and the caller's does not count."""
    forks: Literal["refuse", "approved"] = "refuse"
    """Pull requests from forks: none, or those of which somebody with write access approved the very commit."""
    bots: Literal["refuse", "allow", "approved"] = "refuse"
    """Pull requests of bots: none, all as if people of the team had made them, or those that were approved as above."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Reads PREVIEWS_* and KUBECONFIG. Raises InvalidInputError that lists every problem, unknown PREVIEWS_* names included."""
        values = {k.removeprefix(PREFIX).lower(): v for k, v in environment.items() if k.startswith(PREFIX) and v}
        if kubeconfig := environment.get("KUBECONFIG"):
            values.setdefault("kubeconfig", kubeconfig)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInputError([_problem(e["loc"], e["msg"]) for e in error.errors()]) from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    return f"{PREFIX}{str(location[0]).upper()}: {message}"
