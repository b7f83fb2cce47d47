"""What an installation says about the public pages, and what temporal-ui is told and not told."""

import pytest

from stack.manifests import to_dict, workload_objects
from stack.models import Application
from stack.settings import Settings
from tests.golden_cases import CASES, OUTSIDE, SECRETS, attempt, plain
from tests.unit.objects import ADDRESS, Plain, claim, containers, one, variables

WORKLOADS = [case for case in CASES if case.endswith("-workloads")]
GUARD = {"nginx.ingress.kubernetes.io/auth-url": "https://login.example.com/check"}


def objects_of(installation: Settings) -> list[Plain]:
    application = Application(attempt=attempt("shop"), secrets=SECRETS)
    return [to_dict(obj) for obj in workload_objects(application, installation, database_ca=None, database_address=ADDRESS)]


@pytest.mark.parametrize("case", WORKLOADS)
def test_temporal_ui_is_given_no_secret_in_any_way(case: str) -> None:
    """Neither by reference nor by value: everything it gets is in this list."""
    ui = containers(plain(case))["temporal-ui"]
    assert not {"envFrom", "volumeMounts", "command", "args"} & ui.keys()
    assert not [entry for entry in ui["env"] if "valueFrom" in entry]
    assert variables(ui).keys() <= {
        "TEMPORAL_ADDRESS",
        "TEMPORAL_UI_PORT",
        "TEMPORAL_DEFAULT_NAMESPACE",
        "TEMPORAL_CORS_ORIGINS",
        "TEMPORAL_DISABLE_NEWS_FETCH",
        "TEMPORAL_BANNER_TEXT",
        "TEMPORAL_CSRF_COOKIE_INSECURE",
    }


def test_temporal_ui_is_told_which_pull_request_it_shows() -> None:
    assert (
        variables(containers(plain("shop-workloads"))["temporal-ui"])["TEMPORAL_BANNER_TEXT"] == "Preview of pull request 123 of acme/shop"
    )


@pytest.mark.parametrize(("writes", "disabled"), [(True, None), (False, "true")])
def test_an_installation_can_make_temporal_ui_read_only(writes: bool, disabled: str | None) -> None:
    ui = containers(objects_of(OUTSIDE.model_copy(update={"ui_writes": writes})))["temporal-ui"]
    assert variables(ui).get("TEMPORAL_DISABLE_WRITE_ACTIONS") == disabled


@pytest.mark.parametrize("name", ["webapp", "temporal-ui"])
def test_what_the_ingress_controller_is_told_stands_on_both_pages(name: str) -> None:
    ingress = one(objects_of(OUTSIDE.model_copy(update={"ingress_annotations": GUARD})), "Ingress", name)
    assert ingress["metadata"]["annotations"] == GUARD | {"previews.temporal.io/generation": "7"}


def test_an_installation_s_own_public_addresses_and_production_s_are_not_the_internet() -> None:
    installation = Settings.from_env({"PREVIEWS_CLOSED_CIDRS": "203.0.113.0/24", "PREVIEWS_PRODUCTION_ADDRESSES": "198.51.100.7:7233"})
    block = one(claim(attempt("shop"), installation), "NetworkPolicy", "allow-internet")["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"203.0.113.0/24", "198.51.100.7/32", "168.63.129.16/32"} <= set(block["except"])
