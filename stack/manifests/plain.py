"""Objects as the API's JSON and as the YAML that people read."""

from collections.abc import Iterable
from typing import Any, Protocol

import yaml


class ApiObject(Protocol):
    """Any model of the client."""

    def to_dict(self, serialize: bool = ...) -> dict[str, Any]:
        """With `serialize`, under the names of the API."""


def to_dict(obj: ApiObject) -> dict[str, Any]:
    """The object as the API has it in JSON, without the fields that nobody set. Needs neither a client nor an event loop."""
    return {key: without_nones(value) for key, value in obj.to_dict(serialize=True).items() if value is not None}


def without_nones(value: Any) -> Any:
    """Drops None and nothing else: an empty selector means everything and an empty list of rules nothing."""
    if isinstance(value, dict):
        return {key: without_nones(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nones(item) for item in value]
    return value


def to_yaml(objects: Iterable[ApiObject]) -> str:
    """One document per object, fields in the order of the API, lines unwrapped."""
    return yaml.dump_all((to_dict(obj) for obj in objects), Dumper=Readable, sort_keys=False, width=10_000, explicit_start=True)


class Readable(yaml.SafeDumper):
    """Writes text of several lines as a block, and repeats what occurs twice instead of pointing at it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the base class asks per value)
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _block)
