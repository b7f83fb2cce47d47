"""The environment of the application's containers: which variables they get, and that values arrive as they were written."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from kubernetes.aio import client as k8s

from stack.addresses import TEMPORAL_SERVER_ADDRESS, Pod, Preview, temporal_server_address
from stack.manifests.blueprint import Blueprint
from stack.names import APP_SECRET, DATABASE_SECRET, SECRET_APP_URL
from stack.stackfile import Process

PREVIEW_PR: Final = "PREVIEW_PR"
PREVIEW_COMMIT: Final = "PREVIEW_COMMIT"


def literal(text: str) -> str:
    """Text that the kubelet turns back into `text`.

    It expands `$(VAR)` and reads `$$` as `$`, in values, arguments and the commands of probes: with every `$` doubled nothing is left to
    expand. https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return text.replace("$", "$$")


def literals(texts: Iterable[str]) -> list[str] | None:
    """A command, argument by argument; None (what the image says) when it is empty."""
    return [literal(text) for text in texts] or None


def filled(text: str, blueprint: Blueprint) -> str:
    """Replaces `{url}`, `{pr}` and `{commit}`; every other brace stays."""
    request = blueprint.attempt.request
    values = {"{url}": blueprint.urls.webapp, "{pr}": str(request.pr), "{commit}": request.commit}
    return re.sub(r"\{(url|pr|commit)\}", lambda match: values[match[0]], text)


def app_env(blueprint: Blueprint, process: Process, pod: Pod) -> list[k8s.V1EnvVar]:
    """The stack file's variables, then ours, which win over a variable of the same name."""
    own = own_env(blueprint, pod)
    reserved = {variable.name for variable in own} | {TEMPORAL_SERVER_ADDRESS}
    written = {name: value for name, value in process.env.items() if name not in reserved}
    return [*plain_env({name: literal(filled(value, blueprint)) for name, value in written.items()}), *own]


def own_env(blueprint: Blueprint, pod: Pod) -> list[k8s.V1EnvVar]:
    """What a preview tells its application. The address is left out where the Secret sets it: a variable here would win over the Secret."""
    report, request, database = blueprint.secrets, blueprint.attempt.request, blueprint.file.database
    address = temporal_server_address(set_by_secret=report.sets_temporal_address, target=Preview(namespace=blueprint.namespace), pod=pod)
    variables = plain_env({PREVIEW_PR: str(request.pr)})
    if pod is Pod.WEBAPP:
        # Not for the worker: it would restart the preview's Temporal for commits that do not change the worker.
        variables += plain_env({PREVIEW_COMMIT: request.commit})
    if address:
        variables += plain_env({TEMPORAL_SERVER_ADDRESS: address})
    if database.app:
        variables.append(secret_env(database.url_variable, DATABASE_SECRET, SECRET_APP_URL))
    return variables


def app_env_from(blueprint: Blueprint) -> list[k8s.V1EnvFromSource] | None:
    """Every key of the application's Secret as a variable, if the stack file wants them so."""
    secrets = blueprint.file.secrets
    if secrets is None or secrets.as_ != "env":
        return None
    return [k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=APP_SECRET))]


def plain_env(values: Mapping[str, str]) -> list[k8s.V1EnvVar]:
    return [k8s.V1EnvVar(name=name, value=value) for name, value in values.items()]


def secret_env(name: str, secret: str, key: str) -> k8s.V1EnvVar:
    reference = k8s.V1SecretKeySelector(name=secret, key=key)
    return k8s.V1EnvVar(name=name, value_from=k8s.V1EnvVarSource(secret_key_ref=reference))
