"""Addresses: which Temporal an application works with, and where people find its page.

Knows nothing of Kubernetes' client, so `starter.py` can import it at no cost.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from stack.hosts import UI_PREFIX
from stack.model import Model
from stack.models import Deployment, Urls
from stack.names import FRONTEND_PORT, Names
from stack.settings import Settings

TEMPORAL_SERVER_ADDRESS: Final = "TEMPORAL_SERVER_ADDRESS"
"""The environment variable by which every application learns where its Temporal is."""


class Preview(Model):
    """A stack of one pull request: its applications work with its own temporal-server."""

    namespace: str


class Production(Model):
    """The stack that real users see: its applications work with the production server, wherever that is."""

    address: str


class Pod(StrEnum):
    """The pod that asks: inside the temporal pod the server is a neighbour."""

    WEBAPP = "webapp"
    TEMPORAL = "temporal"


def temporal_server_address(*, set_by_secret: bool, target: Preview | Production, pod: Pod) -> str | None:
    """What TEMPORAL_SERVER_ADDRESS must be rendered as. None: the Secret's own value counts, and nothing may be rendered over it.

    | set in the secrets | target  | webapp               | worker         |
    | yes, not empty     | any     | the secrets' value   | the same       |
    | no or empty        | preview | its own server       | localhost:7233 |
    | no or empty        | production | the production server | the same |
    """
    if set_by_secret:
        return None
    match target:
        case Production(address=address):
            return address
        case Preview(namespace=namespace):
            return Names(namespace).frontend if pod is Pod.WEBAPP else f"localhost:{FRONTEND_PORT}"


def sets_temporal_address(secrets: Mapping[str, str]) -> bool:
    """Whether the secrets say where the application's Temporal is. A blank value says nothing."""
    return bool(secrets.get(TEMPORAL_SERVER_ADDRESS, "").strip())


def public_host(template: str, pr: int, app: str) -> str:
    """Host name of the page, from the stack file's `host`."""
    return template.replace("{pr}", str(pr)).replace("{app}", app)


def ui_host(host: str) -> str:
    """Host name of the preview's temporal-ui. A name of its own, since a public path would switch its content policy off."""
    return f"{UI_PREFIX}{host}"


def host_of(request: Deployment) -> str:
    """Host name of the page that a request asks for."""
    return public_host(request.stack.host, request.pr, request.stack.app)


def urls_for(request: Deployment, settings: Settings) -> Urls:
    """Where people will find the page and temporal-ui."""
    host = host_of(request)
    return Urls(
        webapp=settings.url_template.replace("{host}", host),
        temporal_ui=settings.url_template.replace("{host}", ui_host(host)),
    )
