"""What the application's containers are told, and that it arrives as it was written: variables, secrets, commands."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.errors import InvalidInputError
from stack.loading import load_stack_file
from stack.manifests.app import public_container
from stack.models import SecretsReport
from stack.names import APP_SECRET, DATABASE_SECRET, SECRET_APP_PASSWORD, SECRET_APP_URL, SECRET_TEMPORAL_PASSWORD
from tests.golden_cases import FOLDER, SECRETS, attempt, plain
from tests.unit.kubelet import expand
from tests.unit.objects import Plain, containers, edited, variables, workloads


def secret_references(container: Plain) -> set[tuple[str, str]]:
    """(Secret, key or *) that a container sees as variables."""
    by_key = {
        (ref["name"], ref["key"]) for e in container.get("env", []) if (ref := e.get("valueFrom", {}).get("secretKeyRef")) is not None
    }
    return by_key | {(source["secretRef"]["name"], "*") for source in container.get("envFrom", [])}


def test_secrets_are_seen_only_where_they_are_needed() -> None:
    seen = {name: secret_references(container) for name, container in containers(workloads(attempt("shop"))).items()}
    application = {(APP_SECRET, "*"), (DATABASE_SECRET, SECRET_APP_URL)}
    assert seen == {
        "backend": application,
        "python-worker": application,
        "temporal-server": {(DATABASE_SECRET, SECRET_TEMPORAL_PASSWORD)},
        "temporal-ui": set(),
    }
    assert SECRET_APP_PASSWORD not in str(seen)


def test_secrets_as_files_are_mounted_in_the_application_s_containers_only() -> None:
    objects = workloads(attempt("forum"))
    mounting = {name for name, c in containers(objects).items() if any(mount["name"] == APP_SECRET for mount in c.get("volumeMounts", []))}
    assert mounting == {"edge", "rails", "mailer", "python-worker"}
    assert all(not c.get("envFrom") for c in containers(objects).values())


@pytest.mark.parametrize("case", ["shop-elsewhere-workloads", "forum-elsewhere-workloads"])
def test_nothing_is_rendered_over_an_address_that_the_secrets_set(case: str) -> None:
    for name, container in containers(plain(case)).items():
        assert "TEMPORAL_SERVER_ADDRESS" not in {entry["name"] for entry in container["env"]}, name


def test_the_webapp_dials_the_service_and_the_worker_its_neighbour() -> None:
    found = containers(workloads(attempt("shop")))
    assert variables(found["backend"])["TEMPORAL_SERVER_ADDRESS"] == "temporal.pr-123.svc.cluster.local:7233"
    assert variables(found["python-worker"])["TEMPORAL_SERVER_ADDRESS"] == "localhost:7233"


@pytest.mark.parametrize("secrets", [SECRETS, SecretsReport(sets_temporal_address=True)], ids=["own Temporal", "Temporal elsewhere"])
def test_a_variable_of_the_stack_file_wins_over_nothing_of_ours(secrets: SecretsReport) -> None:
    worker = attempt("shop").request.stack.temporal.worker
    written = worker.model_copy(update={"env": {"TEMPORAL_SERVER_ADDRESS": "theirs", "DATABASE_URL": "theirs", "OTHER": "theirs"}})
    stack = edited(attempt("shop"), temporal=attempt("shop").request.stack.temporal.model_copy(update={"worker": written}))
    kept = {name for name, value in variables(containers(workloads(stack, secrets))["python-worker"]).items() if value == "theirs"}
    assert kept == {"OTHER"}


def with_words(words: tuple[str, ...], env: dict[str, str]) -> Plain:
    """The shop's backend with another command, probe and environment."""
    shop = attempt("shop")
    (backend,) = shop.request.stack.webapp.containers
    readiness = backend.readiness and backend.readiness.model_copy(update={"path": None, "command": words})
    container = backend.model_copy(update={"command": words, "env": env, "readiness": readiness})
    webapp = shop.request.stack.webapp.model_copy(update={"containers": (container,)})
    return containers(workloads(edited(shop, webapp=webapp)))["backend"]


DOLLARS = st.text(alphabet=st.sampled_from("$()AB{}é \n"), max_size=12)
ANYTHING = st.text(max_size=30).filter(lambda text: not re.search(r"\{(url|pr|commit)\}", text))
TEXT = DOLLARS | ANYTHING


@settings(deadline=None)  # a busy machine is no failure
@given(words=st.lists(TEXT, min_size=1, max_size=3).map(tuple), value=TEXT)
def test_what_the_stack_file_says_arrives_in_the_container_as_it_was_written(words: tuple[str, ...], value: str) -> None:
    container = with_words(words, {"A": "expanded", "V": value})
    known = variables(container)
    assert expand(known["V"], {"A": "expanded", "B": "expanded"}) == value
    for command in (container["command"], container["readinessProbe"]["exec"]["command"], container["startupProbe"]["exec"]["command"]):
        assert tuple(expand(word, known) for word in command) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$(B)", "$(B)"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("a$", "a$"),
        ("$$", "$"),
        ("$é", "$é"),
    ],
)
def test_the_reference_of_the_kubelet_s_expansion_is_right(text: str, expected: str) -> None:
    """Cases of expand_test.go."""
    assert expand(text, {"A": "a"}) == expected


def test_placeholders_are_replaced_in_values_and_nowhere_else() -> None:
    container = with_words(("serve", "{pr}"), {"URL": "{url}/x", "BOTH": "{pr}-{commit}", "OTHER": "{app} {{pr}} {URL}"})
    assert container["command"] == ["serve", "{pr}"]
    assert {name: variables(container)[name] for name in ("URL", "BOTH", "OTHER")} == {
        "URL": "http://pr-123.preview.example.com:8080/x",
        "BOTH": "123-3f2a9c1d",
        "OTHER": "{app} {123} {URL}",
    }


def test_a_stack_without_one_public_port_is_refused() -> None:
    text = (FOLDER / "stacks" / "forum.yaml").read_text()
    webapp = load_stack_file(text, namespace_template="pr-{pr}").webapp.model_copy(update={"public": None})
    with pytest.raises(InvalidInputError, match="public"):
        public_container(webapp)
