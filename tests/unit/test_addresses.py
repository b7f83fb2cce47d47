"""Which Temporal an application works with, and where its page is found: the whole table of the design."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stack.addresses import (
    TEMPORAL_SERVER_ADDRESS,
    Pod,
    Preview,
    Production,
    public_host,
    sets_temporal_address,
    temporal_server_address,
    urls_for,
)
from stack.doppler import downloaded
from stack.env_file import parse_env_file
from stack.errors import InvalidInputError, SecretSourceError
from stack.models import Urls
from stack.network_address import Address, parse_address
from stack.secrets import decoded, temporal_elsewhere
from stack.settings import Settings
from stack.stackfile import DopplerConfig
from tests.golden_cases import attempt

REPOSITORY = Path(__file__).parents[2]
KEY = TEMPORAL_SERVER_ADDRESS
PREVIEW = Preview(namespace="pr-7")
PRODUCTION = Production(address="temporal.production.svc.cluster.local:7233")
OWN, NEIGHBOUR, LIVE = "temporal.pr-7.svc.cluster.local:7233", "localhost:7233", PRODUCTION.address


@pytest.mark.parametrize(
    ("set_by_secret", "target", "pod", "expected"),
    [
        pytest.param(True, PREVIEW, Pod.WEBAPP, None, id="the secrets' value counts for the webapp of a preview"),
        pytest.param(True, PREVIEW, Pod.TEMPORAL, None, id="the secrets' value counts for the worker of a preview"),
        pytest.param(True, PRODUCTION, Pod.WEBAPP, None, id="the secrets' value counts for the webapp of production"),
        pytest.param(True, PRODUCTION, Pod.TEMPORAL, None, id="the secrets' value counts for the worker of production"),
        pytest.param(False, PREVIEW, Pod.WEBAPP, OWN, id="the webapp of a preview works with the preview's own server"),
        pytest.param(False, PREVIEW, Pod.TEMPORAL, NEIGHBOUR, id="the worker of a preview works with its neighbour"),
        pytest.param(False, PRODUCTION, Pod.WEBAPP, LIVE, id="the webapp of production works with the production server"),
        pytest.param(False, PRODUCTION, Pod.TEMPORAL, LIVE, id="the worker of production works with the production server"),
    ],
)
def test_the_table(set_by_secret: bool, target: Preview | Production, pod: Pod, expected: str | None) -> None:
    assert temporal_server_address(set_by_secret=set_by_secret, target=target, pod=pod) == expected


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        pytest.param({}, False, id="not there"),
        pytest.param({"TEMPORAL_SERVER_ADDRESS": ""}, False, id="empty"),
        pytest.param({"TEMPORAL_SERVER_ADDRESS": " \n"}, False, id="blank"),
        pytest.param({"TEMPORAL_ADDRESS": "elsewhere:7233"}, False, id="another name"),
        pytest.param({"TEMPORAL_SERVER_ADDRESS": "elsewhere:7233"}, True, id="set"),
    ],
)
def test_a_blank_value_says_nothing(secrets: dict[str, str], expected: bool) -> None:
    assert sets_temporal_address(secrets) is expected


ELSEWHERE = "temporal.example.com:7233"
SAID = {"set": {KEY: ELSEWHERE}, "blank": {KEY: " "}, "empty": {KEY: ""}, "absent": {"OTHER": "x"}}
CONFIG = DopplerConfig(project="shop", config="preview")
SOURCES: dict[str, Callable[[dict[str, str]], Mapping[str, str]]] = {
    "doppler": lambda values: downloaded(json.dumps({"DOPPLER_CONFIG": "preview", **values}).encode(), CONFIG),
    "file": lambda values: parse_env_file("".join(f"{key}='{value}'\n" for key, value in values.items())),
    "secret": lambda values: decoded({"data": {key: b64encode(value.encode()).decode() for key, value in values.items()}}, "it"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("target", [PREVIEW, PRODUCTION], ids=["preview", "production"])
@pytest.mark.parametrize("pod", Pod)
def test_the_whole_matrix(source: str, said: str, target: Preview | Production, pod: Pod) -> None:
    """What an application reads in the end: what is rendered wins over what the Secret gives."""
    values = SOURCES[source](SAID[said])
    rendered = temporal_server_address(set_by_secret=sets_temporal_address(values), target=target, pod=pod)
    read = values.get(KEY) if rendered is None else rendered
    if said == "set":
        assert read == ELSEWHERE
    elif target is PRODUCTION:
        assert read == LIVE
    else:
        assert read == (OWN if pod is Pod.WEBAPP else NEIGHBOUR)


@pytest.mark.parametrize("said", SAID)
def test_only_an_address_that_is_set_leads_elsewhere(said: str) -> None:
    expected = Address(host="temporal.example.com", port=7233) if said == "set" else None
    assert temporal_elsewhere(SAID[said], "it", ()) == expected


NOT_FOR_PREVIEWS = {
    "http://hidden.test:7233": "it has a scheme",
    "hidden.test": "it has no port",
    "hidden.test:7233/path": "it has a path",
    " hidden.test:7233": "it has spaces",
    "hidden.test:99999": "its port is no number",
    LIVE: "it leads to the production Temporal",
    "temporal.production.svc:7233": "it leads to the production Temporal",
    "headless.production.svc:7234": "it leads to the production Temporal",
    "169.254.169.254:80": "no server that a preview may reach",
    "[fe80::1]:7233": "no server that a preview may reach",
    "0.0.0.0:7233": "no server that a preview may reach",
    "224.0.0.1:7233": "no server that a preview may reach",
}


@pytest.mark.parametrize("value", NOT_FOR_PREVIEWS)
def test_an_address_that_no_preview_can_have_is_refused_with_what_to_do_and_not_shown(value: str) -> None:
    with pytest.raises(SecretSourceError) as caught:
        temporal_elsewhere({KEY: value}, "Doppler config shop/preview", [parse_address(LIVE)])
    assert NOT_FOR_PREVIEWS[value] in str(caught.value)
    assert "write host:port, such as" in str(caught.value)
    assert value not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_production_s_addresses_are_a_setting() -> None:
    settings = Settings.from_env({"PREVIEWS_PRODUCTION_ADDRESSES": "10.0.0.9:7233, t.example.com:443"})
    assert settings.production_addresses == (Address(host="10.0.0.9", port=7233), Address(host="t.example.com", port=443))
    with pytest.raises(InvalidInputError, match=r"PREVIEWS_PRODUCTION_ADDRESSES.*it has no port"):
        Settings.from_env({"PREVIEWS_PRODUCTION_ADDRESSES": "10.0.0.9"})


def test_the_host_has_the_number_and_the_app_in_it() -> None:
    assert public_host("{app}-{pr}.example.com", 12, "shop") == "shop-12.example.com"


def test_the_urls_of_page_and_temporal_ui_have_hosts_of_their_own() -> None:
    urls = urls_for(attempt("shop").request, Settings(url_template="http://{host}:8080"))
    assert urls == Urls(webapp="http://pr-123.preview.example.com:8080", temporal_ui="http://temporal-pr-123.preview.example.com:8080")


def test_importing_it_does_not_import_the_kubernetes_client() -> None:
    """`starter.py` imports it, and the client costs half a second."""
    code = "import sys, stack.addresses; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0
