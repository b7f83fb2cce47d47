"""Proves that values of a namespace's Secrets do not show in log lines."""

from base64 import b64encode

import pytest

from stack.masking import masked, secret_values


def secret(**data: str | bytes) -> dict[str, dict[str, str]]:
    return {"data": {key: b64encode(value if isinstance(value, bytes) else value.encode()).decode() for key, value in data.items()}}


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        pytest.param("login with hunter2hunter2 failed", "login with *** failed", id="a value"),
        pytest.param("hunter2hunter2/app", "***", id="the longest that fits, not its part"),
        pytest.param("port 8080, debug true", "port 8080, debug true", id="short values are no secrets"),
        pytest.param("key MIIEvQIBADANBg was read", "key *** was read", id="one line of a key"),
        pytest.param("nothing of it", "nothing of it", id="no secret in it"),
    ],
)
def test_values_are_masked(log: str, shown: str) -> None:
    secrets = [
        secret(PASSWORD="hunter2hunter2", URL="hunter2hunter2/app", PORT="8080", DEBUG="true"),
        secret(KEY="-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n", BINARY=b"\xff\xfe\xfd\xfc\xfb\xfa\xf9"),
        {},
    ]
    assert masked(log, secret_values(secrets)) == shown
