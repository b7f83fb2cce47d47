"""Every name that a stack has, made in one place from the namespace.

Contract: the same pull request always gets the same names, two pull requests never share one, and every name fits its system: DNS labels
of at most 63 characters for Kubernetes, identifiers of at most 63 bytes for PostgreSQL.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

MANAGER: Final = "temporal-previews"
"""Field manager of every apply and value of the managed-by label."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OURS: Final = f"{MANAGED_BY}={MANAGER}"
"""Label selector of everything that this project makes."""
KINDS_OF_A_STACK: Final = ("Deployment", "Service", "Ingress", "NetworkPolicy", "ConfigMap", "ResourceQuota", "LimitRange")
"""What every deploy applies anew, so that it bears the generation. The Secret with the passwords is made once."""
COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PR: Final = "previews.temporal.io/pr"
ANNOTATION_REPOSITORY: Final = "previews.temporal.io/repository"
ANNOTATION_GENERATION: Final = "previews.temporal.io/generation"
ANNOTATION_COMMIT: Final = "previews.temporal.io/commit"
ANNOTATION_EXPIRES_AT: Final = "previews.temporal.io/expires-at"
ANNOTATION_PINNED: Final = "previews.temporal.io/pinned"
ANNOTATION_SECRETS: Final = "previews.temporal.io/secrets-fingerprint"

WEBAPP: Final = "webapp"
TEMPORAL: Final = "temporal"
SERVER_CONTAINER: Final = "temporal-server"
UI_CONTAINER: Final = "temporal-ui"
WORKER_CONTAINER: Final = "python-worker"
FRONTEND_PORT: Final = 7233
UI_PORT: Final = 8080
TEMPORAL_NAMESPACE: Final = "default"
"""Temporal namespace in a preview's own Temporal; the template database has it registered."""

APP_SECRET: Final = "app-secrets"  # noqa: S105 (names of Secret objects)
DATABASE_SECRET: Final = "database"  # noqa: S105
PULL_SECRET: Final = "registry"  # noqa: S105
SECRET_TEMPORAL_PASSWORD: Final = "TEMPORAL_PASSWORD"  # noqa: S105 (names of keys in the Secret `database`)
SECRET_APP_PASSWORD: Final = "APP_PASSWORD"  # noqa: S105
SECRET_APP_URL: Final = "APP_URL"  # noqa: S105
"""Full libpq URL of the application's own database."""
SERVER_CONFIG: Final = "temporal-server"
DATABASE_CA: Final = "database-ca"
DATABASE_CA_KEY: Final = "ca.crt"
DATABASE_CA_FOLDER: Final = "/run/database-ca"
DATABASE_CA_PATH: Final = f"{DATABASE_CA_FOLDER}/{DATABASE_CA_KEY}"
"""Where every container that speaks to PostgreSQL finds the authority's certificate; `sslrootcert` of SECRET_APP_URL."""
STACK_ROLE: Final = "temporal-previews-stack"
"""ClusterRole that the deployer binds to itself inside a preview's namespace, and only there."""
POLICY: Final = "temporal-previews-deployer"
"""ValidatingAdmissionPolicy that confines the deployer to the namespaces of previews and to its home."""
DEPLOYER: Final = "deployer"
"""ServiceAccount of the worker in the home namespace."""

IDENTIFIER_LIMIT: Final = 63
LONGEST_SUFFIX: Final = len("_visibility")


@dataclass(frozen=True)
class Names:
    """The names of one stack, by its namespace."""

    namespace: str

    @property
    def workflow_id(self) -> str:
        """The one workflow ID under which all work on this pull request runs."""
        return f"preview/{self.namespace}"

    @property
    def record(self) -> str:
        """ConfigMap in the home namespace."""
        return f"record-{self.namespace}"

    @property
    def role(self) -> str:
        """PostgreSQL role of the preview's temporal-server, owner of its two databases."""
        return self.namespace.replace("-", "_")

    @property
    def app_role(self) -> str:
        """PostgreSQL role of the application, owner of its own database."""
        return f"{self.role}_app"

    @property
    def temporal_database(self) -> str:
        return f"{self.role}_temporal"

    @property
    def visibility_database(self) -> str:
        return f"{self.role}_visibility"

    @property
    def app_database(self) -> str:
        return f"{self.role}_app"

    @property
    def databases(self) -> tuple[str, ...]:
        """Every database that a stack can have, whether or not this one does."""
        return (self.temporal_database, self.visibility_database, self.app_database)

    @property
    def roles(self) -> tuple[str, ...]:
        return (self.role, self.app_role)

    @property
    def frontend(self) -> str:
        """host:port of the preview's own temporal-server for pods of the cluster."""
        return f"{TEMPORAL}.{self.namespace}.svc.cluster.local:{FRONTEND_PORT}"


def namespace_for(pr: int, app: str, template: str) -> str:
    """Fills the template; a result too long for PostgreSQL's identifiers is cut and told apart by a hash."""
    limit = IDENTIFIER_LIMIT - LONGEST_SUFFIX
    full = template.replace("{pr}", str(pr)).replace("{app}", app)
    if len(full) <= limit:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{full[: limit - 9].rstrip('-')}-{digest}"


def could_be(namespace: str, template: str) -> bool:
    """Whether the template can have given this name, for whatever pull request and app. Another installation's names are none of ours."""
    pattern = re.escape(template).replace(r"\{pr\}", "[1-9][0-9]{0,8}").replace(r"\{app\}", "[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
    if re.fullmatch(pattern, namespace):
        return True
    limit, longest = IDENTIFIER_LIMIT - LONGEST_SUFFIX, template.replace("{pr}", "9" * 9).replace("{app}", "x" * 40)
    cut = len(longest) > limit >= len(namespace) > limit - 12
    return cut and namespace.startswith(re.split(r"\{pr\}|\{app\}", template)[0]) and bool(re.search("-[0-9a-f]{8}$", namespace))


def template_databases(server_version: str) -> tuple[str, str]:
    """Names of the template databases (main, visibility) of one temporal-server version."""
    version = server_version.replace(".", "_")
    return f"template_{version}_temporal", f"template_{version}_visibility"


def template_role(server_version: str) -> str:
    """Role that owns everything inside the templates of one temporal-server version, and nothing else: a clone's owner takes all over."""
    return f"template_{server_version.replace('.', '_')}"
