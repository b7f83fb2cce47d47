"""The stacks whose manifests are kept in tests/golden/, where a person reads them and git shows what changes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stack.loading import load_stack_file
from stack.manifests import ApiObject, claim_objects, image_check_pod, new_images, template_job, to_dict, to_yaml, workload_objects
from stack.models import Application, Attempt, Deployment, SecretsReport
from stack.names import namespace_for
from stack.network_address import Address
from stack.settings import Settings

FOLDER: Final = Path(__file__).parent
GOLDEN: Final = FOLDER / "golden"
NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CA: Final = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"

OUTSIDE: Final = Settings(
    home_namespace="previews-home",
    deployer_cidr="10.202.0.1/32",
    ingress_namespace="ingress",
    ingress_class="skipper",
    url_template="http://{host}:8080",
    image_pull_policy="Never",
)
"""A worker outside the cluster, pages over plain HTTP: the local platform."""
INSIDE: Final = Settings(namespace_template="{app}-pr-{pr}")
"""A worker inside a cluster that serves several repositories."""

PRODUCTION: Final = Address(host="10.96.7.7", port=7233)

SECRETS: Final = SecretsReport(keys=("STRIPE_KEY",), fingerprint="5f1d")
ELSEWHERE: Final = SecretsReport(keys=("TEMPORAL_SERVER_ADDRESS",), fingerprint="a93c", sets_temporal_address=True)


def attempt(app: str, settings: Settings = OUTSIDE, *, pr: int = 123, generation: int = 7, commit: str = "3f2a9c1d") -> Attempt:
    """The deploy of a stack file in tests/stacks/."""
    stack = load_stack_file((FOLDER / "stacks" / f"{app}.yaml").read_text(), namespace_template=settings.namespace_template)
    processes = [*stack.webapp.containers, stack.temporal.worker]
    request = Deployment(
        id="r1",
        pr=pr,
        repository=f"acme/{app}",
        requested_at=NOW,
        commit=commit,
        images={process.image: f"registry.example.com/{app}/{process.image}:{commit}" for process in processes},
        stack=stack,
    )
    return Attempt(request=request, namespace=namespace_for(pr, app, settings.namespace_template), generation=generation)


def shop_claim() -> Sequence[ApiObject]:
    stack = attempt("shop")
    return claim_objects(stack, OUTSIDE, expires_at=NOW + stack.request.stack.ttl, database_ca=CA, database_address=("10.202.0.1", 5433))


def shop_workloads() -> Sequence[ApiObject]:
    application = Application(attempt=attempt("shop"), secrets=SECRETS)
    return workload_objects(application, OUTSIDE, database_ca=CA, database_address=("10.202.0.1", 5433))


def shop_elsewhere_workloads() -> Sequence[ApiObject]:
    """The secrets say where the application's Temporal is: a Service of the cluster."""
    application, other = Application(attempt=attempt("shop"), secrets=ELSEWHERE), Address(host="temporal.staging.svc", port=7233)
    return workload_objects(application, OUTSIDE, database_ca=None, database_address=("10.202.0.1", 5433), elsewhere=other)


def forum_claim() -> Sequence[ApiObject]:
    stack = attempt("forum", INSIDE)
    address = ("forum.abc123.eu-west-1.rds.example.com", 5432)
    return claim_objects(stack, INSIDE, expires_at=NOW + stack.request.stack.ttl, database_ca=None, database_address=address)


def forum_workloads() -> Sequence[ApiObject]:
    application = Application(attempt=attempt("forum", INSIDE), secrets=SECRETS)
    return workload_objects(application, INSIDE, database_ca=None, database_address=("forum.abc123.eu-west-1.rds.example.com", 5432))


def forum_elsewhere_workloads() -> Sequence[ApiObject]:
    """The same, with the address in a file of the Secret: a name that may mean any address, but not production's."""
    application, other = Application(attempt=attempt("forum", INSIDE), secrets=ELSEWHERE), Address(host="forum.tmprl.cloud", port=7233)
    settings = INSIDE.model_copy(update={"production_addresses": (PRODUCTION,)})
    return workload_objects(application, settings, database_ca=CA, database_address=("postgresql.data.svc", 5432), elsewhere=other)


def shop_image_check() -> Sequence[ApiObject]:
    """Before an update that brings another worker."""
    (live,) = [to_dict(obj) for obj in shop_workloads() if obj.kind == "Deployment" and obj.metadata.name == "temporal"]  # type: ignore[attr-defined]
    update = attempt("shop", generation=8, commit="9b1e77d0")
    return [image_check_pod(update, OUTSIDE, new_images(update, OUTSIDE, live))]


def template() -> Sequence[ApiObject]:
    address = ("10.202.0.1", 5433)
    return template_job(
        "1.32.2", OUTSIDE, role="template_owner", password_secret="template-1-32-2", database_ca=CA, database_address=address
    )


def template_without_tls() -> Sequence[ApiObject]:
    address = ("postgresql.data.svc", 5432)
    return template_job("1.32.2", INSIDE, role="tpl", password_secret="template-password", database_ca=None, database_address=address)


CASES: Final[dict[str, Callable[[], Sequence[ApiObject]]]] = {
    "shop-claim": shop_claim,
    "shop-workloads": shop_workloads,
    "shop-elsewhere-workloads": shop_elsewhere_workloads,
    "forum-claim": forum_claim,
    "forum-workloads": forum_workloads,
    "forum-elsewhere-workloads": forum_elsewhere_workloads,
    "shop-image-check": shop_image_check,
    "template-job": template,
    "template-job-without-tls": template_without_tls,
}


def rendered(case: str) -> str:
    return to_yaml(CASES[case]())


def plain(case: str) -> list[dict[str, Any]]:
    return [to_dict(obj) for obj in CASES[case]()]
