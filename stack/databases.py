"""What a stack has on the shared PostgreSQL, as values: roles, databases, and the Secret that its pods sign in with."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from stack.models import Attempt
from stack.names import (
    ANNOTATION_GENERATION,
    DATABASE_CA_PATH,
    DATABASE_SECRET,
    LABEL_PR,
    MANAGED_BY,
    MANAGER,
    SECRET_APP_PASSWORD,
    SECRET_APP_URL,
    SECRET_TEMPORAL_PASSWORD,
    Names,
    template_databases,
    template_role,
)
from stack.room import TO_START

SERVER_CONNECTIONS: Final = 8
"""What the pools of a preview's temporal-server take (stack/manifests/server.py)."""
PASSWORD_BYTES: Final = 24


@dataclass(frozen=True)
class Role:
    """A role that may log in. The password never shows in a representation."""

    name: str
    password: str = field(repr=False)
    connections: int
    """What it takes for as long as it lives: its share of the server."""
    to_start: int = 0
    """What it needs besides while it starts."""

    @property
    def limit(self) -> int:
        """Connection limit of the role."""
        return self.connections + self.to_start


@dataclass(frozen=True)
class Clone:
    """A database that belongs to one role alone: cloned from `template`, or empty without one."""

    name: str
    owner: str
    template: str | None = None
    template_role: str | None = None
    """The NOLOGIN role that owns everything inside the template and hands it over to `owner`."""


@dataclass(frozen=True)
class DatabasePlan:
    """Everything that one stack has on the shared PostgreSQL. Every database's owner is among the roles."""

    namespace: str
    roles: tuple[Role, ...]
    clones: tuple[Clone, ...]


@dataclass(frozen=True)
class Passwords:
    """Of a stack's two roles. They live in the namespace's Secret and nowhere else."""

    temporal: str = field(repr=False)
    app: str = field(repr=False)


def database_plan(attempt: Attempt, passwords: Passwords) -> DatabasePlan:
    """The application's own role and database only if the stack file asks for them."""
    names, database = Names(attempt.namespace), attempt.request.stack.database
    version = attempt.request.stack.temporal.server
    main, visibility = template_databases(version)
    roles = [Role(names.role, passwords.temporal, SERVER_CONNECTIONS, TO_START)]
    clones = [
        Clone(names.temporal_database, names.role, main, template_role(version)),
        Clone(names.visibility_database, names.role, visibility, template_role(version)),
    ]
    if database.app:
        roles.append(Role(names.app_role, passwords.app, database.connections))
        clones.append(Clone(names.app_database, names.app_role))
    return DatabasePlan(attempt.namespace, tuple(roles), tuple(clones))


def kept_passwords(secret: Mapping[str, Any] | None) -> Passwords:
    """Those in the Secret; a random one in place of each that it does not have."""
    data = (secret or {}).get("data", {})
    found = [b64decode(data.get(key, "")).decode() for key in (SECRET_TEMPORAL_PASSWORD, SECRET_APP_PASSWORD)]
    temporal, app = (password or secrets.token_urlsafe(PASSWORD_BYTES) for password in found)
    return Passwords(temporal, app)


def database_secret(attempt: Attempt, passwords: Passwords, host: str, port: int, *, verified: bool) -> dict[str, Any]:
    """The Secret `database`. `host` and `port` as pods see them; `verified` if an authority's certificate is mounted."""
    url = app_url(Names(attempt.namespace), passwords.app, host, port, verified=verified)
    values = {SECRET_TEMPORAL_PASSWORD: passwords.temporal, SECRET_APP_PASSWORD: passwords.app, SECRET_APP_URL: url}
    return secret_object(attempt, DATABASE_SECRET, values, {})


def app_url(names: Names, password: str, host: str, port: int, *, verified: bool) -> str:
    """libpq URL of the application's own database."""
    options = "?" + urlencode({"sslmode": "verify-full", "sslrootcert": DATABASE_CA_PATH}, safe="/") if verified else ""
    return f"postgresql://{names.app_role}:{quote(password, safe='')}@{host}:{port}/{names.app_database}{options}"


def secret_object(attempt: Attempt, name: str, values: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Any]:
    """A Secret of the stack, as the API has it in JSON. Values may hold anything that UTF-8 can say."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": attempt.namespace,
            "labels": {MANAGED_BY: MANAGER, LABEL_PR: str(attempt.request.pr)},
            "annotations": {ANNOTATION_GENERATION: str(attempt.generation), **annotations},
        },
        "data": {key: b64encode(value.encode()).decode() for key, value in sorted(values.items())},
    }
