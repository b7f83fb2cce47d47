"""host:port as people write it: what is read, what is refused and how, and which two addresses may be the same place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.network_address import Address, AddressError, leads_to, parse_address

READ = {
    "temporal.example.com:7233": ("temporal.example.com", 7233),
    "Temporal.Example.COM.:7233": ("temporal.example.com", 7233),
    "temporal.pr-7.svc.cluster.local:7233": ("temporal.pr-7.svc.cluster.local", 7233),
    "temporal_1:1": ("temporal_1", 1),
    "10.0.0.9:65535": ("10.0.0.9", 65535),
    "[fd00::9]:7233": ("fd00::9", 7233),
    "[FD00:0:0::9]:7233": ("fd00::9", 7233),
    "[::ffff:10.0.0.9]:7233": ("10.0.0.9", 7233),
    "acme.a1b2c.tmprl.cloud:7233": ("acme.a1b2c.tmprl.cloud", 7233),
}

REFUSED = {
    "http://x:7233": "it has a scheme",
    "dns:///x:7233": "it has a scheme",
    "x:7233/": "it has a path",
    "x/y:7233": "it has a path",
    "x:7233?a=b": "it has a path",
    "x:7233#a": "it has a path",
    " x:7233": "it has spaces",
    "x:7233\n": "it has spaces",
    "x :7233": "it has spaces",
    "x\u00a0:7233": "it has spaces",
    "user:pass@x:7233": "it has a user",
    "a:7233,b:7233": "it is more than one address",
    "x": "it has no port",
    "10.0.0.9": "it has no port",
    "x:": "its port is no number",
    "x:0": "its port is no number",
    "x:65536": "its port is no number",
    "x:07233": "its port is no number",
    "x:+7233": "its port is no number",
    "x:7233a": "its port is no number",
    "x:\u0667\u0662\u0663\u0663": "its port is no number",
    "x:9999999999": "its port is no number",
    ":7233": "its host is no name and no address",
    ".:7233": "its host is no name and no address",
    "a..b:7233": "its host is no name and no address",
    "-a:7233": "its host is no name and no address",
    "naïve.example.com:7233": "its host is no name and no address",
    "$HOST:7233": "its host is no name and no address",
    "a\x00b:7233": "its host is no name and no address",
    "127.1:7233": "its host is no name and no address",
    "2130706433:7233": "its host is no name and no address",
    "0x7f000001:7233": "its host is no name and no address",
    "10.0.0.999:7233": "its host is no name and no address",
    "a" * 64 + ":7233": "its host is no name and no address",
    "a." * 130 + "b:7233": "its host is no name and no address",
    "fd00::9:7233": "written in brackets",
    "[fe80::1%eth0]:7233": "without a zone",
    "[10.0.0.9:7233": "its host is no name and no address",
    "": "it has no port",
}


@pytest.mark.parametrize("text", READ)
def test_an_address_is_read(text: str) -> None:
    assert parse_address(text) == Address(host=READ[text][0], port=READ[text][1])


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_none_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(AddressError, match=REFUSED[text]):
        parse_address(text)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.:\[\]/@-]{0,30}", fullmatch=True))
def test_any_text_is_an_address_or_refused_in_words_of_ours(text: str) -> None:
    address = _address_or_reason(text)
    if isinstance(address, str):
        assert any(reason in address for reason in REFUSED.values())
    else:
        assert 0 < address.port < 65536
        shown = f"[{address.host}]" if ":" in address.host else address.host
        assert parse_address(f"{shown}:{address.port}") == address


def _address_or_reason(text: str) -> Address | str:
    try:
        return parse_address(text)
    except AddressError as error:
        return str(error)


SERVICE = "temporal-frontend.temporal.svc.cluster.local:7233"


@pytest.mark.parametrize(
    ("text", "production", "same"),
    [
        pytest.param("t.example.com:7233", "t.example.com:7233", True, id="the very same"),
        pytest.param("T.example.com.:7233", "t.example.com:7233", True, id="written otherwise"),
        pytest.param("t.example.com:7234", "t.example.com:7233", False, id="another port"),
        pytest.param("u.example.com:7233", "t.example.com:7233", False, id="another host"),
        pytest.param("[::ffff:10.0.0.9]:7233", "10.0.0.9:7233", True, id="IPv4 within IPv6"),
        pytest.param("temporal-frontend.temporal.svc:7233", SERVICE, True, id="a Service by a shorter name"),
        pytest.param("temporal-frontend.temporal:7233", SERVICE, True, id="a Service by the shortest name"),
        pytest.param("frontend-headless.temporal.svc:7233", SERVICE, True, id="another Service of the same pods"),
        pytest.param("temporal-history.temporal.svc:7234", SERVICE, True, id="another port of a Service beside it"),
        pytest.param("temporal.pr-7.svc:7233", SERVICE, False, id="a Service of another namespace"),
        pytest.param("svc.example.com:7233", "t.example.com:7233", False, id="names of one domain"),
    ],
)
def test_what_may_lead_to_production_is_told(text: str, production: str, same: bool) -> None:
    assert leads_to(parse_address(text), [parse_address("elsewhere:1"), parse_address(production)]) is same


def test_without_a_known_production_nothing_leads_there() -> None:
    assert not leads_to(parse_address("x:7233"), [])
