"""The manifests of a test stack, and ways to look into them."""

from collections.abc import Iterator
from typing import Any

from stack.manifests import claim_objects, to_dict, workload_objects
from stack.models import Application, Attempt, SecretsReport
from stack.network_address import Address
from stack.settings import Settings
from tests.golden_cases import NOW, OUTSIDE, SECRETS

ADDRESS = ("10.202.0.1", 5433)
Plain = dict[str, Any]


def workloads(
    stack: Attempt, secrets: SecretsReport = SECRETS, *, elsewhere: Address | None = None, installation: Settings = OUTSIDE
) -> list[Plain]:
    application = Application(attempt=stack, secrets=secrets)
    objects = workload_objects(application, installation, database_ca=None, database_address=ADDRESS, elsewhere=elsewhere)
    return [to_dict(obj) for obj in objects]


def claim(stack: Attempt, installation: Settings = OUTSIDE, host: str = ADDRESS[0]) -> list[Plain]:
    objects = claim_objects(stack, installation, expires_at=NOW, database_ca=None, database_address=(host, 5432))
    return [to_dict(obj) for obj in objects]


def one(objects: list[Plain], kind: str, name: str) -> Plain:
    (found,) = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def pod_specs(objects: list[Plain]) -> Iterator[Plain]:
    for obj in objects:
        if obj["kind"] in {"Deployment", "Job"}:
            yield obj["spec"]["template"]["spec"]
        elif obj["kind"] == "Pod":
            yield obj["spec"]


def containers(objects: list[Plain]) -> dict[str, Plain]:
    return {c["name"]: c for pod in pod_specs(objects) for c in [*pod.get("initContainers", []), *pod["containers"]]}


def variables(container: Plain) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def edited(stack: Attempt, **changes: Any) -> Attempt:
    """The attempt with another stack file."""
    request = stack.request.model_copy(update={"stack": stack.request.stack.model_copy(update=changes)})
    return stack.model_copy(update={"request": request})
