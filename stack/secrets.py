"""The application's secrets on their way into its namespace: what must be there, and what may be said about them."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from stack.addresses import sets_temporal_address
from stack.databases import secret_object
from stack.errors import MissingSecretError
from stack.models import Attempt, SecretsReport
from stack.names import APP_SECRET
from stack.stackfile import Secrets

ANNOTATION_SALT: Final = "previews.temporal.io/fingerprint-salt"
"""On the Secret, so that whoever cannot read the Secret cannot try values against its fingerprint; not among the data, which
containers get as environment."""
SALT_BYTES: Final = 32


def require_keys(values: Mapping[str, str], secrets: Secrets) -> None:
    """MissingSecretError that names every required key that is missing or empty."""
    if missing := [key for key in secrets.required if not values.get(key)]:
        raise MissingSecretError(
            "find every required secret in", obj=f"file {secrets.file}", answer=f"missing or empty: {', '.join(missing)}", remedy="add them"
        )


def kept_salt(secret: Mapping[str, Any] | None) -> str:
    """The salt of the Secret as it is, or a new one: the same values get the same fingerprint as long as the Secret lives."""
    salt = (secret or {"metadata": {}})["metadata"].get("annotations", {}).get(ANNOTATION_SALT)
    return salt or secrets.token_hex(SALT_BYTES)


def app_secret(attempt: Attempt, values: Mapping[str, str], salt: str) -> dict[str, Any]:
    return secret_object(attempt, APP_SECRET, values, {ANNOTATION_SALT: salt})


def secrets_report(values: Mapping[str, str], salt: str) -> SecretsReport:
    """Names, and an HMAC over names and values: safe to show, since the salt is as secret as the values."""
    text = json.dumps(sorted(values.items()))
    return SecretsReport(
        keys=tuple(sorted(values)),
        fingerprint=hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:32],
        sets_temporal_address=sets_temporal_address(values),
    )
