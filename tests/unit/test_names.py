"""Proves the contract of stack/names.py: always the same, never shared, and fit for Kubernetes and PostgreSQL."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from stack.hosts import template_problem
from stack.names import IDENTIFIER_LIMIT, Names, namespace_for

Pr = st.integers(1, 999_999_999)
App = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
Template = st.sampled_from(
    [
        "pr-{pr}",
        "{app}-{pr}",
        "pr-{pr}-{app}",
        "{pr}-{app}",
        "preview-of-{app}-number-{pr}",
        "a-rather-long-name-for-previews-of-{app}-{pr}",
    ]
)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@given(Pr, App, Template)
def test_every_name_fits_its_system(pr: int, app: str, template: str) -> None:
    names = Names(namespace_for(pr, app, template))
    assert LABEL.fullmatch(names.namespace)
    for identifier in (*names.databases, *names.roles):
        assert re.fullmatch("[a-z0-9_]+", identifier)
        assert len(identifier.encode()) <= IDENTIFIER_LIMIT
    assert len(names.record) <= 253
    assert names.frontend.split(".")[1] == names.namespace


@given(Pr, App, Pr, App, Template)
def test_two_pull_requests_never_share_a_name(pr: int, app: str, other_pr: int, other_app: str, template: str) -> None:
    assume((pr, app) != (other_pr, other_app) if "{app}" in template else pr != other_pr)
    assume(not template_problem(template, app) and not template_problem(template, other_app))
    one, other = Names(namespace_for(pr, app, template)), Names(namespace_for(other_pr, other_app, template))
    assert one.namespace != other.namespace
    assert not {*one.roles} & {*other.roles}
    assert not {*one.databases} & {*other.databases}


@given(Pr, App)
def test_an_app_that_is_called_after_another_apps_database_is_refused_rather_than_mixed_up(pr: int, app: str) -> None:
    template = "pr-{pr}-{app}"
    shadow = f"{app[:36].rstrip('-')}-app"
    assert Names(namespace_for(pr, shadow, template)).role in Names(namespace_for(pr, shadow.removesuffix("-app"), template)).roles
    assert "another app's" in template_problem(template, shadow)


@given(Pr, App, Template)
def test_the_same_pull_request_always_gets_the_same_names(pr: int, app: str, template: str) -> None:
    assert namespace_for(pr, app, template) == namespace_for(pr, app, template)


def test_names_that_would_be_too_long_are_cut_and_told_apart() -> None:
    template = "a-rather-long-name-for-previews-of-{app}-{pr}"
    names = {namespace_for(pr, "shop" * 9, template) for pr in range(1, 200)}
    assert len(names) == 199
    assert {len(name) for name in names} == {52}
