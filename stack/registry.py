"""Credentials of image registries: Docker's config.json, and the Secret by which the pods of a stack pull."""

import json
from collections.abc import Iterator
from typing import Any

from stack.databases import secret_object
from stack.errors import InvalidInputError
from stack.models import Attempt
from stack.names import PULL_SECRET

KEY = ".dockerconfigjson"
HOW = "write it by `docker login` or `buildah login --authfile`"


def pull_secret(attempt: Attempt, config: str) -> dict[str, Any]:
    """The Secret `registry` from the text of a config.json. Raises InvalidInputError."""
    return secret_object(attempt, PULL_SECRET, {KEY: credentials(config)}, {}) | {"type": "kubernetes.io/dockerconfigjson"}


def credentials(config: str) -> str:
    """What nodes need of a config.json: its credentials and nothing else. Raises InvalidInputError, which quotes nothing of it."""
    try:
        read = json.loads(config)
    except ValueError:
        raise InvalidInputError([f"it is no JSON; {HOW}"]) from None
    auths = read.get("auths") if isinstance(read, dict) else None
    if not isinstance(auths, dict) or not auths:
        raise InvalidInputError([f"it holds no credentials under `auths`; {HOW}"])
    if problems := list(_problems(auths)):
        raise InvalidInputError(problems)
    return json.dumps({"auths": auths}, sort_keys=True)


def _problems(auths: dict[str, Any]) -> Iterator[str]:
    for registry, entry in auths.items():
        known = entry if isinstance(entry, dict) else {}
        if not known.get("auth") and not (known.get("username") and known.get("password")):
            yield f"{registry}: it has no user and password; a node cannot ask a credential helper of this machine"
