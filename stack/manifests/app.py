"""The application's own containers, in whichever pod they run."""

from dataclasses import dataclass, field
from typing import Final

from kubernetes.aio import client as k8s

from stack.addresses import Pod, host_of
from stack.errors import InvalidInputError
from stack.manifests.blueprint import Blueprint
from stack.manifests.environment import app_env, app_env_from, literals
from stack.manifests.hardening import container_security, resources
from stack.manifests.probes import app_probes
from stack.manifests.volumes import app_secret_volume, ca_mounts, ca_volumes, mount, scratch_volume
from stack.names import APP_SECRET
from stack.stackfile import Container, Process, Webapp

PUBLIC_PORT: Final = "public"
"""Name of the port that the Service sends requests to: the number may differ between two commits while one replaces the other."""


@dataclass(frozen=True)
class Part:
    """A container and the volumes that its pod must have for it."""

    container: k8s.V1Container
    volumes: list[k8s.V1Volume] = field(default_factory=list)


def public_container(webapp: Webapp) -> Container:
    """The container that serves the page: the named one, or the only one that has a port. Raises InvalidInputError."""
    wanted = [c for c in webapp.containers if c.port and webapp.public in (None, c.name)]
    if len(wanted) != 1:
        raise InvalidInputError(["webapp.public must name the one container whose port is public"])
    return wanted[0]


def public_port(webapp: Webapp) -> int:
    port = public_container(webapp).port
    if port is None:
        raise InvalidInputError(["the public container needs a port"])
    return port


def app_part(blueprint: Blueprint, process: Process, name: str, pod: Pod, ports: list[k8s.V1ContainerPort]) -> Part:
    """A container as the stack file describes it, hardened, with the variables and files of a preview."""
    startup, readiness = app_probes(process.readiness, ports[0].container_port if ports else None, host_of(blueprint.attempt.request))
    scratch = {f"{name}-{number}": path for number, path in enumerate(process.writable)}
    shared_mounts, shared_volumes = shared_files(blueprint)
    container = k8s.V1Container(
        name=name,
        image=blueprint.image(process.image),
        image_pull_policy=blueprint.settings.image_pull_policy,
        command=literals(process.command),
        working_dir=process.working_dir,
        env=app_env(blueprint, process, pod),
        env_from=app_env_from(blueprint),
        ports=ports or None,
        startup_probe=startup,
        readiness_probe=readiness,
        resources=resources(cpu=process.resources.cpu, memory=process.resources.memory),
        security_context=container_security(process.user),
        volume_mounts=[*shared_mounts, *(mount(volume, path, read_only=False) for volume, path in scratch.items())] or None,
    )
    return Part(container, [*shared_volumes, *(scratch_volume(volume) for volume in scratch)])


def shared_files(blueprint: Blueprint) -> tuple[list[k8s.V1VolumeMount], list[k8s.V1Volume]]:
    """What every container of the application sees: its secrets, if it wants them as files, and the database's authority."""
    secrets = blueprint.file.secrets
    mounts, volumes = [], []
    if secrets and secrets.as_ == "files":
        mounts.append(mount(APP_SECRET, secrets.path))
        volumes.append(app_secret_volume())
    if blueprint.file.database.app:
        mounts += ca_mounts(blueprint.postgres)
        volumes += ca_volumes(blueprint.postgres)
    return mounts, volumes


def volumes_of(parts: list[Part], *more: k8s.V1Volume) -> list[k8s.V1Volume]:
    """Every volume once, in the order in which it is first needed."""
    volumes = [*more, *(volume for part in parts for volume in part.volumes)]
    return list({volume.name: volume for volume in volumes}.values())
