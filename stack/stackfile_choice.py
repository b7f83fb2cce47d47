"""Whose stack file counts, and what of it. Where the worker knows the forge, it is that of the base branch, whatever the caller gave."""

from typing import Final

from stack.admission import Admission, PullRequest, not_admitted
from stack.errors import InvalidInputError
from stack.loading import load_stack_file
from stack.model import Model
from stack.models import Category, Deployment, DeployRequest, Diagnosis, Record
from stack.names import namespace_for
from stack.stackfile import Network, Secrets, SecretsSource, StackFile
from stack.yaml_lines import SIZE_LIMIT

MOST_PROBLEMS: Final = 20
"""Of a stack file, in a diagnosis."""


class BaseFile(Model):
    """What is at the stack file's path on the base branch."""

    path: str
    branch: str
    commit: str
    """The branch's newest, whole hash: that is where it was read."""
    kind: str
    """`file`, `missing`, or what else the forge calls it."""
    size: int = 0
    """Bytes."""
    content: bytes = b""
    """Empty for a file that is larger than the loader reads."""

    @property
    def name(self) -> str:
        return f"{self.path} of {self.branch} at {self.commit[:12]}"


def as_given(request: DeployRequest) -> Admission:
    """Where no forge is known, the caller is believed."""
    if request.stack is None:
        return Admission(
            refusal=not_admitted(
                request.repository,
                request.pr,
                "No stack file was given, and this worker knows no forge to read one from.",
                "Give --stack FILE, or let the operator set PREVIEWS_FORGE_TOKEN_FILE.",
            )
        )
    return Admission(request=_deployment(request))


def as_it_was_good(request: DeployRequest, record: Record | None) -> Admission:
    """The clean-up brings back what was admitted before: what the record keeps counts, not what the request says."""
    if record is None or record.good is None:
        return Admission(superseded="nothing is known to have been good before", current=record.outcome if record else None)
    return Admission(request=record.good.request.model_copy(update={"id": request.id, "condition": request.condition}))


def by_the_base(request: DeployRequest, pull: PullRequest, file: BaseFile, *, namespace: str, namespace_template: str) -> Admission:
    """With the stack file of the base branch; for a fork with less of it. Every problem of the file is told; nothing is started then."""
    try:
        stack = load_stack_file(_text(file), namespace_template=namespace_template)
        _refuse_other_namespace(request, stack, namespace, namespace_template)
        images = _images_for(request, stack, file)
    except InvalidInputError as error:
        return Admission(refusal=_invalid(file, error.problems))
    notes = [f"the stack file is {file.name}, not the one that was given"] if request.stack not in (None, stack) else []
    if unnamed := request.images.keys() - images.keys():
        notes.append(f"{file.name} names no image {', '.join(sorted(unnamed))}")
    if pull.from_fork:
        if unmet := _unmet(stack.secrets):
            return Admission(refusal=_without_secrets(pull, file, unmet))
        stack = for_fork(stack)
        notes.append("it comes from a fork: none of the team's secrets, no way to the internet")
    return Admission(request=_deployment(request, stack=stack, images=images), note="; ".join(notes))


def for_fork(stack: StackFile) -> StackFile:
    """What of a stack file a fork may have: its own source of secrets or none, and nobody outside to tell anything to."""
    return stack.model_copy(update={"network": Network(internet=False), "secrets": _of_forks(stack.secrets)})


def _of_forks(secrets: Secrets | None) -> Secrets | None:
    """The same keys, from the source that is named for forks."""
    if secrets is None or secrets.forks is None:
        return None
    source = {key: getattr(secrets.forks, key) for key in SecretsSource.model_fields}
    return secrets.model_copy(update={**source, "forks": None})


def _deployment(request: DeployRequest, **changes: object) -> Deployment:
    return Deployment.model_validate({**dict(request), **changes})


def _text(file: BaseFile) -> str:
    """Raises InvalidInputError when there is no text to read."""
    if file.kind != "file":
        what = "is not there, or the worker's token may not read contents" if file.kind == "missing" else f"is no file but a {file.kind}"
        raise InvalidInputError([f"{file.path} {what}"])
    if file.size > SIZE_LIMIT:
        raise InvalidInputError([f"line 1: the file has {file.size} bytes; at most {SIZE_LIMIT} are read"])
    try:
        return file.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(["it is not a text file in UTF-8"]) from None


def _refuse_other_namespace(request: DeployRequest, stack: StackFile, namespace: str, template: str) -> None:
    """The caller's word for the app chose the namespace, if its name is in it: it must be the base branch's word as well."""
    if (right := namespace_for(request.pr, stack.app, template)) != namespace:
        raise InvalidInputError([f"app: `{stack.app}` belongs into the namespace {right}, and the request is for {namespace}"])


def _images_for(request: DeployRequest, stack: StackFile, file: BaseFile) -> dict[str, str]:
    """Those that the file names; a pull request that adds a container has more, until it is merged."""
    needed = dict.fromkeys([*(container.image for container in stack.webapp.containers), stack.temporal.worker.image])
    if missing := [name for name in needed if name not in request.images]:
        raise InvalidInputError([f"--image {name}=REF is missing: {file.name} names this image" for name in missing])
    return {name: request.images[name] for name in needed}


def _unmet(secrets: Secrets | None) -> list[str]:
    """Keys that are required and that no fork has a source for."""
    return [] if secrets is None or secrets.forks is not None else list(secrets.required)


def _without_secrets(pull: PullRequest, file: BaseFile, keys: list[str]) -> Diagnosis:
    return Diagnosis(
        category=Category.SECRET_KEY,
        object=f"pull request {pull.number} of {pull.repository}",
        summary=f"It comes from a fork, which gets none of the team's secrets, and these are required: {', '.join(keys)}.",
        resolution=f"Name a source of values that strangers may have under `secrets.forks` of {file.path} on {file.branch}.",
    )


def _invalid(file: BaseFile, problems: list[str]) -> Diagnosis:
    kept = problems[:MOST_PROBLEMS] + ([f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else [])
    return Diagnosis(
        category=Category.STACK_FILE,
        object=file.name,
        summary=f"The stack file of the base branch cannot be used: {len(problems)} problem{'s' * (len(problems) > 1)}.",
        detail="\n".join(kept),
        resolution=f"Mend it on {file.branch} (a pull request's own stack file does not count), then deploy again.",
    )
