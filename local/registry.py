"""The platform's image registry, with TLS and a password as an installation's own: the application's images come from there."""

import base64
import json
import os
from http import HTTPStatus
from pathlib import Path
from ssl import create_default_context
from string import Template
from typing import NoReturn

import httpx

from local import binaries
from local.certificates import AUTHORITY, SUBJECT, server_certificate
from local.commands import run, write
from local.errors import PlatformError
from local.images import buildah, load
from local.passwords import password
from local.programs import Program, fingerprint, local_command
from local.progress import step
from local.settings import HOST_ADDRESS, PATHS, Ports
from local.waiting import AFRESH, await_address, require

USER = "previews"
ROLE = "registry"
"""What its password is kept as."""
FOLDER = PATHS.home / "registry"
TEMPLATE = Path(__file__).parent / "templates" / "registry.yaml"
CREDENTIALS = PATHS.secrets / "registry.json"
"""Docker's config.json: who pushes has it, and the worker, which gives it to the nodes."""
TRUST = FOLDER / "trust"
"""What buildah trusts."""
LOG = PATHS.logs / "registry.log"
PUSH_LOG = PATHS.logs / "push.log"
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
ANSWER_SECONDS = 5.0


def address(ports: Ports) -> str:
    """As the name of an image begins."""
    return f"{HOST_ADDRESS}:{ports.registry}"


def programs(ports: Ports) -> list[Program]:
    """Traces go nowhere: by default they are sent to a collector that nobody runs."""
    settings = {"OTEL_TRACES_EXPORTER": "none", "SETTINGS": fingerprint(f"{TEMPLATE.read_text()} {SUBJECT}")}
    return [Program("registry", local_command("registry"), order=30, environment={**ports.variables(), **settings})]


def serve(ports: Ports) -> NoReturn:
    """Writes what it reads, and becomes the registry once its address is there. Raises PlatformError."""
    certificate, key = server_certificate()
    values = {"ADDRESS": address(ports), "STORAGE": str(PATHS.state / "registry"), "FOLDER": str(FOLDER)}
    write(FOLDER / "config.yaml", Template(TEMPLATE.read_text()).substitute(values))
    write(FOLDER / "server.crt", certificate)
    write(FOLDER / "server.key", key, 0o600)
    write(FOLDER / "htpasswd", _hashed(), 0o600)
    await_address(HOST_ADDRESS)
    program = str(binaries.program("registry"))
    os.execv(program, [program, "serve", str(FOLDER / "config.yaml")])  # noqa: S606


def _hashed() -> str:
    """The one account, as htpasswd keeps it."""
    return run(["htpasswd", "-niB", USER], what="hash the registry's password", text_in=password(ROLE))


def write_files(ports: Ports) -> None:
    """By what others get in, and know whom they speak to."""
    write(CREDENTIALS, json.dumps({"auths": {address(ports): {"auth": _basic()}}}), 0o600)
    write(TRUST / "ca.crt", AUTHORITY.read_text())


def _basic() -> str:
    return base64.b64encode(f"{USER}:{password(ROLE)}".encode()).decode()


def converge(ports: Ports) -> None:
    """Raises PlatformError when it does not answer."""
    with step("image registry"):
        require(lambda: _answers(ports), 60, "the image registry answers", LOG)


def _answers(ports: Ports) -> bool:
    try:
        return _ask(ports, "").is_success
    except httpx.TransportError:
        return False


def provide(image: str, name: str, archive: Path, ports: Ports) -> str:
    """Pushes an image of buildah's store (or of its archive, where the store has forgotten it) as `name`, REPOSITORY:TAG, unless it is
    there. Its reference by digest. Raises PlatformError."""
    repository, _, tag = name.partition(":")
    digest = _digest(ports, repository, tag)
    if digest is None:
        with step(f"push {name}"):
            load(image, archive)
            trusted = ["--authfile", CREDENTIALS, "--cert-dir", TRUST]
            buildah(["push", "--quiet", *trusted, image, f"docker://{address(ports)}/{name}"], f"push {name}", PUSH_LOG)
        digest = _digest(ports, repository, tag)
    if digest is None:
        raise PlatformError(f"the registry does not have {name}, which was just pushed")
    return f"{address(ports)}/{repository}@{digest}"


def _digest(ports: Ports, repository: str, tag: str) -> str | None:
    """What the tag means now; None where there is no such tag. Raises PlatformError."""
    try:
        answer = _ask(ports, f"{repository}/manifests/{tag}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return answer.raise_for_status().headers["Docker-Content-Digest"]
    except httpx.HTTPError as error:
        raise PlatformError(f"could not ask the registry for {repository}:{tag}: {error}. {AFRESH}") from error


def _ask(ports: Ports, path: str) -> httpx.Response:
    """The answer to a HEAD. Raises httpx.TransportError."""
    trusted = create_default_context(cafile=str(AUTHORITY))
    with httpx.Client(auth=(USER, password(ROLE)), verify=trusted, timeout=ANSWER_SECONDS, trust_env=False) as client:
        return client.head(f"https://{address(ports)}/v2/{path}", headers={"Accept": MANIFESTS})


if __name__ == "__main__":
    serve(Ports.from_env(os.environ))
