"""Which Temporal an application works with, and where its page is found: the whole table of the design."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.addresses import Pod, Preview, Production, public_host, sets_temporal_address, temporal_server_address, urls_for
from stack.models import Urls
from stack.settings import Settings
from tests.golden_cases import attempt

REPOSITORY = Path(__file__).parents[2]
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


def test_the_host_has_the_number_and_the_app_in_it() -> None:
    assert public_host("{app}-{pr}.example.com", 12, "shop") == "shop-12.example.com"


def test_the_urls_of_page_and_temporal_ui_have_hosts_of_their_own() -> None:
    urls = urls_for(attempt("shop").request, Settings(url_template="http://{host}:8080"))
    assert urls == Urls(webapp="http://pr-123.preview.example.com:8080", temporal_ui="http://temporal-pr-123.preview.example.com:8080")


def test_importing_it_does_not_import_the_kubernetes_client() -> None:
    """`starter.py` imports it, and the client costs half a second."""
    code = "import sys, stack.addresses; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0
