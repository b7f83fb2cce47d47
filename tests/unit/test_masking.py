"""Proves that values of a namespace's Secrets do not show in what applications say, nor what looks like a secret."""

from base64 import b64encode

import pytest

from stack.masking import mask_with, masked_location, withheld


def secret(**data: str | bytes) -> dict[str, dict[str, str]]:
    return {"data": {key: b64encode(value if isinstance(value, bytes) else value.encode()).decode() for key, value in data.items()}}


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        pytest.param("login with hunter2hunter2 failed", "login with *** failed", id="a value"),
        pytest.param("hunter2hunter2/app", "***", id="the longest that fits, not its part"),
        pytest.param("port 8080, debug true", "port 8080, debug true", id="short values are no secrets"),
        pytest.param("key MIIEvQIBADANBg was read", "key *** was read", id="one line of a key"),
        pytest.param("page?next=a%26b%20c%2Fd, a&amp;b c/d", "page?next=***, ***", id="as addresses and pages write it"),
        pytest.param("user shop, pass-of-url", "user shop, ***", id="the password of an address alone"),
        pytest.param("the end is cut: hunter2hunt", "the end is cut: ***", id="the beginning of a value at the end of a text"),
        pytest.param("the end is not: hunt", "the end is not: hunt", id="too short to be one"),
        pytest.param("GET /callback?code=1234&page=2", "GET /callback?code=***&page=2", id="a one-time code"),
        pytest.param("token=abcdef at postgresql://u:pw@db", "token=*** at postgresql://u:***@db", id="by its looks"),
        pytest.param("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***", id="a bearer"),
        pytest.param("next=a%26b%20c%2fd", "next=***", id="as other libraries write it in addresses"),
        pytest.param("it is aHVudGVyMmh1bnRlcjI= now", "it is ***= now", id="in base64"),
        pytest.param("it is aHVudGVyMmh1bnRlcjIK now", "it is ***K now", id="in base64 with a line break"),
        pytest.param("it is P8O/w7/Dv8O/fg, P8O_w7_Dv8O_fg", "it is ***, ***", id="in both kinds of base64"),
        pytest.param("sent c2hvcDpodW50ZXIyaHVudGVyMg==", "sent c2hvcDp***g==", id="in base64 after a user's name"),
        pytest.param(
            "sent cDpodW50ZXIyaHVudGVyMg==, dXA6aHVudGVyMmh1bnRlcjI=", "sent cDp***g==, dXA6***=", id="wherever in base64 it begins"
        ),
        pytest.param("Authorization: Basic dTpw", "Authorization: Basic ***", id="a login, however short"),
        pytest.param("basic authentication failed", "basic authentication failed", id="only the word of a login"),
        pytest.param("role shop, p@ss/word, p%40ss%2Fword", "role shop, ***, ***", id="the password of an address, decoded"),
        pytest.param("role shop, o@dd:word", "role shop, ***", id="the password of an address, with an @ in it"),
        pytest.param("role shop, of-words; of_net", "role shop, ***; ***", id="the password of connection words"),
        pytest.param("    privateline1 was read", "    *** was read", id="one line of an indented text"),
        pytest.param('{"key": "privateline1\\n    öprivateline2"}', '{"key": "***"}', id="lines in JSON"),
        pytest.param("nothing of it", "nothing of it", id="no secret in it"),
    ],
)
def test_values_are_masked(log: str, shown: str) -> None:
    secrets = [
        secret(PASSWORD="hunter2hunter2", URL="hunter2hunter2/app", PORT="8080", DEBUG="true"),
        secret(KEY="-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n", BINARY=b"\xff\xfe\xfd\xfc\xfb\xfa\xf9"),
        secret(ODD="a&b c/d", DATABASE_URL="postgresql://shop:pass-of-url@db/shop"),
        secret(UNICODE="?\u00ff\u00ff\u00ff\u00ff~", LINES="  privateline1\n    öprivateline2\n"),
        secret(A="postgresql://shop:p%40ss%2Fword@db/shop", B="postgresql://shop:o@dd:word@db/shop"),
        secret(A="host=db user=shop password='of-words' dbname=shop", B="Server=db;Password=of_net;"),
        {},
    ]
    assert mask_with(secrets)(log) == shown


def test_of_a_redirect_only_names_of_parameters_are_shown() -> None:
    mask = mask_with([secret(TENANT="acme-internal")])
    assert (
        masked_location("https://login.test/acme-internal?code=1&next=/a#id_token=x", mask)
        == "https://login.test/***?code=***&next=***#id_token=***"
    )


def test_without_the_values_nothing_is_shown() -> None:
    assert "hunter2" not in withheld("hunter2")
    assert withheld("") == ""
