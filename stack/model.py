"""The base of all models: frozen, strict about unknown fields, camelCase in YAML and JSON, snake_case in Python."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Immutable value. Unknown fields are errors, so a typing mistake cannot pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: object) -> object:
    """'90s', '15m', '72h', '3d' and sums such as '1h30m' → timedelta; anything else goes on to pydantic as it is."""
    if not isinstance(value, str) or not re.fullmatch(r"([0-9]{1,6}[smhd]){1,4}", value):
        return value
    parts = re.findall(r"([0-9]+)([smhd])", value)
    return timedelta(seconds=sum(int(number) * UNIT_SECONDS[unit] for number, unit in parts))


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
