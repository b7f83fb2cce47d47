"""Settings that are more than one word in the environment."""

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from stack.network_address import Address, parse_address

ANNOTATION_NAME: Final = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
OWN_PREFIX: Final = "previews.temporal.io/"


def parse_object(value: object) -> object:
    """The text of a JSON object → dict; anything else goes on to pydantic as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None


def parse_list(value: object) -> object:
    """'a, b' → ('a', 'b'); anything else goes on to pydantic as it is."""
    return tuple(word.strip() for word in value.split(",")) if isinstance(value, str) else value


def check_names(annotations: Mapping[str, str]) -> dict[str, str]:
    """Names as Kubernetes has them, and none of our own."""
    for name in annotations:
        if not ANNOTATION_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an annotation")
        if name.startswith(OWN_PREFIX):
            raise ValueError(f"{name} is written by the deployer itself")
    return dict(annotations)


def parse_host_and_port(value: object) -> object:
    """'host:port' → Address; anything else goes on to pydantic as it is."""
    return parse_address(value) if isinstance(value, str) else value


Addresses = Annotated[tuple[Annotated[Address, BeforeValidator(parse_host_and_port)], ...], BeforeValidator(parse_list)]
AddressBlocks = Annotated[tuple[IPv4Network, ...], BeforeValidator(parse_list)]
Annotations = Annotated[dict[str, str], BeforeValidator(parse_object), AfterValidator(check_names)]
