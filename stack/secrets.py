"""The application's secrets on their way into its namespace: what must be there, and what may be said about them."""

import hashlib
import hmac
import json
import re
import secrets
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stack.addresses import TEMPORAL_SERVER_ADDRESS, sets_temporal_address
from stack.databases import secret_object
from stack.errors import MissingSecretError, SecretSourceError
from stack.models import Attempt, SecretsReport
from stack.names import APP_SECRET
from stack.network_address import Address, AddressError, leads_to, parse_address
from stack.stackfile import Secrets

ANNOTATION_SALT: Final = "previews.temporal.io/fingerprint-salt"
"""On the Secret, so that whoever cannot read the Secret cannot try values against its fingerprint; not among the data, which
containers get as environment."""
SALT_BYTES: Final = 32

SIZE_LIMIT: Final = 1024 * 1024
"""Bytes of all values: what a Secret can hold."""
VARIABLE_LIMIT: Final = 128 * 1024
"""Bytes: the kernel starts no program with a longer variable, its name and two bytes more included."""
VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]{0,127}")
FILE: Final = re.compile(r"(?!\.\.)[A-Za-z0-9._-]{1,253}")
"""What a key of a Secret may be called."""


def usable(values: Mapping[str, str], secrets: Secrets, production: Iterable[Address]) -> Mapping[str, str]:
    """The values, if a Secret can hold them and containers can have them. Raises MissingSecretError or SecretSourceError."""
    _require_names(values, secrets)
    _require_sizes(values, secrets)
    _require_keys(values, secrets)
    temporal_elsewhere(values, secrets.source, production)
    return values


def _require_keys(values: Mapping[str, str], secrets: Secrets) -> None:
    if missing := [key for key in secrets.required if not values.get(key)]:
        raise MissingSecretError(
            "find every required secret in", obj=secrets.source, answer=f"missing or empty: {', '.join(missing)}", remedy="add them"
        )


def _require_names(values: Mapping[str, str], secrets: Secrets) -> None:
    pattern, what = (VARIABLE, "an environment variable") if secrets.as_ == "env" else (FILE, "a file of a Secret")
    if odd := [ascii(name[:40]) for name in sorted(values) if not pattern.fullmatch(name)]:
        raise _unusable(secrets, f"{', '.join(odd)} cannot be the name of {what}", "rename what is named so")


def _require_sizes(values: Mapping[str, str], secrets: Secrets) -> None:
    if broken := sorted(name for name, value in values.items() if "\0" in value or not _is_unicode(value)):
        raise _unusable(secrets, f"a NUL or half a character is in: {', '.join(broken)}", "no environment can hold that")
    sizes = {name: len(value.encode()) for name, value in values.items()}
    if sum(sizes.values()) > SIZE_LIMIT:
        raise _unusable(secrets, "its values are larger than 1 MiB together", "a Secret holds no more: leave out what is not needed")
    long = sorted(name for name, size in sizes.items() if len(name) + size + 2 > VARIABLE_LIMIT)
    if long and secrets.as_ == "env":
        raise _unusable(secrets, f"longer than 128 KiB: {', '.join(long)}", "no variable can be: write `as: files` in the stack file")


def _is_unicode(text: str) -> bool:
    """JSON can say half of a surrogate pair, which no bytes say."""
    return not re.search("[\ud800-\udfff]", text)


def _unusable(secrets: Secrets, answer: str, remedy: str) -> SecretSourceError:
    return SecretSourceError("use the secrets of", obj=secrets.source, answer=answer, remedy=remedy)


def temporal_elsewhere(values: Mapping[str, str], source: str, production: Iterable[Address]) -> Address | None:
    """Where the application of a preview works by its own wish; None: with the preview's own Temporal.

    Raises SecretSourceError, which does not show the value, for what is no address and for production's.
    """
    if not sets_temporal_address(values):
        return None
    try:
        address = parse_address(values[TEMPORAL_SERVER_ADDRESS])
    except AddressError as error:
        raise _no_address(source, str(error)) from None
    if address.ip and (address.ip.is_link_local or address.ip.is_multicast or address.ip.is_unspecified):
        raise _no_address(source, "it is the address of no server that a preview may reach")
    if leads_to(address, production):
        raise _no_address(source, "it leads to the production Temporal, with which no preview may work")
    return address


def _no_address(source: str, why: str) -> SecretSourceError:
    remedy = "write host:port, such as temporal.example.com:7233, or leave the key empty for the preview's own Temporal"
    return SecretSourceError(f"use {TEMPORAL_SERVER_ADDRESS} of", obj=source, answer=why, remedy=remedy)


def decoded(secret: Mapping[str, Any] | None, source: str) -> dict[str, str]:
    """The values of a Secret as text. Raises SecretSourceError that names the keys whose values are none."""
    values: dict[str, str] = {}
    binary: list[str] = []
    for key, value in ((secret or {}).get("data") or {}).items():
        try:
            values[key] = b64decode(value).decode()
        except ValueError:
            binary.append(key)
    if binary:
        raise SecretSourceError("read", obj=source, answer=f"not text in UTF-8: {', '.join(sorted(binary))}", remedy="leave these out")
    return values


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
