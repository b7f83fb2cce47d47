"""The objects of a stack: the golden YAML, and the rules that must hold whatever the YAML looks like."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.errors import InvalidInputError
from stack.loading import load_stack_file
from stack.manifests import claim_objects, render, template_job_name, to_dict, workload_objects
from stack.manifests.app import public_container
from stack.manifests.server import SMALL
from stack.models import Application, Attempt, SecretsReport
from stack.names import APP_SECRET, DATABASE_SECRET, SECRET_APP_PASSWORD, SECRET_APP_URL, SECRET_TEMPORAL_PASSWORD
from stack.settings import Settings
from tests.golden_cases import CASES, FOLDER, GOLDEN, NOW, OUTSIDE, SECRETS, attempt, plain, rendered
from tests.unit.kubelet import expand

PODS = [case for case in CASES if not case.endswith("-claim")]
WORKLOADS = [case for case in CASES if case.endswith("-workloads")]
ADDRESS = ("10.202.0.1", 5433)
Plain = dict[str, Any]


def workloads(stack: Attempt, secrets: SecretsReport = SECRETS) -> list[Plain]:
    application = Application(attempt=stack, secrets=secrets)
    return [to_dict(obj) for obj in workload_objects(application, OUTSIDE, database_ca=None, database_address=ADDRESS)]


def claim(stack: Attempt, installation: Settings = OUTSIDE, host: str = ADDRESS[0]) -> list[Plain]:
    objects = claim_objects(stack, installation, expires_at=NOW, database_ca=None, database_address=(host, 5432))
    return [to_dict(obj) for obj in objects]


def one(objects: list[Plain], kind: str, name: str) -> Plain:
    (found,) = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def pod_specs(objects: list[Plain]) -> Iterator[Plain]:
    for obj in objects:
        if obj["kind"] in {"Deployment", "Job"}:
            yield obj["spec"]["template"]["spec"]


def containers(objects: list[Plain]) -> dict[str, Plain]:
    return {c["name"]: c for pod in pod_specs(objects) for c in [*pod.get("initContainers", []), *pod["containers"]]}


def variables(container: Plain) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def edited(stack: Attempt, **changes: Any) -> Attempt:
    """The attempt with another stack file."""
    request = stack.request.model_copy(update={"stack": stack.request.stack.model_copy(update=changes)})
    return stack.model_copy(update={"request": request})


# The golden YAML


@pytest.mark.parametrize("case", CASES)
def test_the_manifests_are_the_golden_ones(case: str) -> None:
    assert rendered(case) == (GOLDEN / f"{case}.yaml").read_text(), "if the change is meant: make golden"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_the_yaml_says_what_is_applied(case: str) -> None:
    assert list(yaml.safe_load_all(rendered(case))) == plain(case)


def test_render_shows_every_object_and_no_secret() -> None:
    documents = list(yaml.safe_load_all(render(attempt("shop").request, OUTSIDE)))
    assert [doc["kind"] for doc in documents] == [obj["kind"] for obj in [*claim(attempt("shop")), *workloads(attempt("shop"))]]
    assert "Secret" not in {doc["kind"] for doc in documents}


# Hardening


@pytest.mark.parametrize("case", PODS)
def test_every_pod_is_denied_what_it_does_not_need(case: str) -> None:
    for pod in pod_specs(plain(case)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert pod["terminationGracePeriodSeconds"] <= 5
        assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & pod.keys()
        assert {kind for volume in pod["volumes"] for kind in volume} <= {"name", "configMap", "secret", "emptyDir"}


@pytest.mark.parametrize("case", PODS)
def test_every_container_obeys_the_hardening_table(case: str) -> None:
    for name, container in containers(plain(case)).items():
        security = dict(container["securityContext"])
        assert security.pop("runAsUser") > 0, name
        assert security == {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name


@pytest.mark.parametrize("case", PODS)
def test_every_container_has_requests_and_a_memory_limit_and_no_cpu_limit(case: str) -> None:
    for name, container in containers(plain(case)).items():
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
        assert container["resources"]["limits"].keys() == {"memory"}, name


@pytest.mark.parametrize("case", WORKLOADS)
def test_all_names_that_a_pod_mounts_are_volumes_of_it_and_no_path_is_mounted_twice(case: str) -> None:
    for pod in pod_specs(plain(case)):
        volumes = [volume["name"] for volume in pod["volumes"]]
        assert len(volumes) == len(set(volumes))
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            mounts = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounts} <= set(volumes)
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)


@pytest.mark.parametrize("case", PODS)
def test_no_variable_is_given_twice(case: str) -> None:
    """Server-side apply refuses such a list."""
    for container in containers(plain(case)).values():
        names = [entry["name"] for entry in container.get("env", [])]
        assert len(names) == len(set(names))


# Ways in and out


@pytest.mark.parametrize("case", WORKLOADS)
def test_nothing_routes_to_the_server(case: str) -> None:
    objects = plain(case)
    for ingress in (obj for obj in objects if obj["kind"] == "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = one(objects, "Service", backend["name"])
                (port,) = [port for port in service["spec"]["ports"] if port["name"] == backend["port"]["name"]]
                assert port["targetPort"] in {"ui", "public"}
    assert {obj["spec"]["type"] for obj in objects if obj["kind"] == "Service"} == {"ClusterIP"}


def test_the_page_and_temporal_ui_have_hosts_of_their_own() -> None:
    objects = workloads(attempt("shop"))
    hosts = {obj["metadata"]["name"]: obj["spec"]["rules"][0]["host"] for obj in objects if obj["kind"] == "Ingress"}
    assert hosts == {"webapp": "pr-123.preview.example.com", "temporal-ui": "temporal-pr-123.preview.example.com"}


def policies(objects: list[Plain]) -> dict[str, Plain]:
    return {obj["metadata"]["name"]: obj["spec"] for obj in objects if obj["kind"] == "NetworkPolicy"}


@pytest.mark.parametrize("case", ["shop-claim", "forum-claim"])
def test_no_rule_admits_everybody(case: str) -> None:
    """A rule without `from` or `to` matches all: what comes of `var_from`, which the client drops without a word."""
    for name, spec in policies(plain(case)).items():
        for rule in spec.get("ingress", []):
            assert rule["from"], name
            assert rule["ports"], name
        for rule in spec.get("egress", []):
            assert rule["to"], name
            assert rule.get("ports") or name == "allow-internet", name
        for peer in [p for rule in spec.get("ingress", []) for p in rule["from"]]:
            assert peer != {}, name


def test_everything_is_denied_in_both_directions_before_anything_is_allowed() -> None:
    first = next(obj for obj in claim(attempt("shop")) if obj["kind"] == "NetworkPolicy")
    assert first["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_server_is_reached_by_the_webapp_and_the_deployer_only() -> None:
    rules = policies(claim(attempt("shop")))["temporal"]["ingress"]
    admitted = [peer for rule in rules if rule["ports"] == [{"port": 7233, "protocol": "TCP"}] for peer in rule["from"]]
    webapp = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "webapp"}}}
    assert admitted == [webapp, {"ipBlock": {"cidr": "10.202.0.1/32"}}]


def test_a_deployer_inside_the_cluster_is_its_pods_in_the_home_namespace() -> None:
    rules = policies(claim(attempt("shop"), Settings()))["temporal"]["ingress"]
    assert rules[-1]["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "temporal-previews"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/component": "deployer"}},
        }
    ]


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        pytest.param("10.202.0.1", {"ipBlock": {"cidr": "10.202.0.1/32"}}, id="an address is exact"),
        pytest.param("fd00::5", {"ipBlock": {"cidr": "fd00::5/128"}}, id="so is one of IPv6"),
        pytest.param(
            "db.data.svc",
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}},
            id="a Service's namespace is in its name",
        ),
        pytest.param(
            "db.data.svc.cluster.local",
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}},
            id="in its full name too",
        ),
        pytest.param(
            "db.example.com",
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
            id="any other name may be anywhere but at the metadata service",
        ),
    ],
)
def test_postgresql_is_reached_at_its_port(host: str, peer: Plain) -> None:
    spec = policies(claim(attempt("shop"), host=host))["allow-postgresql"]
    assert spec["egress"] == [{"to": [peer], "ports": [{"port": 5432, "protocol": "TCP"}]}]


def test_only_the_temporal_pod_reaches_postgresql_when_the_app_has_no_database() -> None:
    assert policies(claim(attempt("forum")))["allow-postgresql"]["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/component": "temporal"}
    }


def test_the_internet_leaves_out_private_networks_and_metadata() -> None:
    block = policies(claim(attempt("shop")))["allow-internet"]["egress"][0]["to"][0]["ipBlock"]
    assert block["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"} <= set(block["except"])


def test_without_internet_there_is_no_such_rule() -> None:
    assert "allow-internet" not in policies(claim(attempt("forum")))


# The namespace


def test_the_namespace_comes_first_and_says_whose_it_is() -> None:
    first = claim(attempt("shop"))[0]
    assert first["kind"] == "Namespace"
    assert first["metadata"]["annotations"] == {
        "previews.temporal.io/generation": "7",
        "previews.temporal.io/commit": "3f2a9c1d",
        "previews.temporal.io/repository": "acme/shop",
        "previews.temporal.io/expires-at": "2026-03-01T12:00:00+00:00",
    }
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert first["metadata"]["labels"]["previews.temporal.io/pr"] == "123"


@pytest.mark.parametrize("case", ["shop-claim", "shop-workloads"])
def test_every_object_carries_the_generation_and_the_manager(case: str) -> None:
    for obj in plain(case):
        assert obj["metadata"]["annotations"]["previews.temporal.io/generation"] == "7"
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "temporal-previews"


# What a deploy changes


def templates(objects: list[Plain]) -> dict[str, Plain]:
    return {obj["metadata"]["name"]: obj["spec"]["template"] for obj in objects if obj["kind"] == "Deployment"}


def test_the_same_commit_deployed_again_keeps_the_pods() -> None:
    assert templates(workloads(attempt("shop", generation=7))) == templates(workloads(attempt("shop", generation=8)))


def test_other_secrets_replace_both_pods() -> None:
    before, after = templates(workloads(attempt("shop"))), templates(workloads(attempt("shop"), SecretsReport(fingerprint="other")))
    assert before["webapp"] != after["webapp"]
    assert before["temporal"] != after["temporal"]


def test_a_commit_that_changes_only_the_webapp_keeps_the_preview_s_temporal() -> None:
    stack = attempt("shop")
    images = stack.request.images | {"webapp": "registry.example.com/shop/webapp:new"}
    newer = stack.model_copy(update={"request": stack.request.model_copy(update={"commit": "feedbeef", "images": images})})
    before, after = templates(workloads(stack)), templates(workloads(newer))
    assert before["temporal"] == after["temporal"]
    assert before["webapp"] != after["webapp"]


def test_the_page_never_stops_and_two_servers_never_share_a_database() -> None:
    objects = workloads(attempt("shop"))
    assert one(objects, "Deployment", "webapp")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert one(objects, "Deployment", "temporal")["spec"]["strategy"] == {"type": "Recreate"}


# Probes


@pytest.mark.parametrize("case", WORKLOADS)
def test_every_start_is_looked_at_each_second(case: str) -> None:
    for name, container in containers(plain(case)).items():
        first = container.get("startupProbe", container.get("readinessProbe"))
        assert first is None or first["periodSeconds"] == 1, name


def test_the_kubelet_is_more_patient_than_the_deadline_of_the_stack_file() -> None:
    """The verdict comes before the restart."""
    startup = containers(workloads(attempt("forum")))["rails"]["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] > timedelta(minutes=4).total_seconds()


def test_a_container_without_readiness_is_ready_when_its_port_can_be_connected_to() -> None:
    assert containers(workloads(attempt("forum")))["edge"]["readinessProbe"]["tcpSocket"] == {"port": 8081}


def test_the_page_is_asked_for_under_its_public_name() -> None:
    look = containers(workloads(attempt("shop")))["backend"]["readinessProbe"]["httpGet"]
    assert look["httpHeaders"] == [{"name": "Host", "value": "pr-123.preview.example.com"}]


def test_the_server_is_a_sidecar_that_is_asked_whether_it_serves() -> None:
    (server,) = one(workloads(attempt("shop")), "Deployment", "temporal")["spec"]["template"]["spec"]["initContainers"]
    assert server["restartPolicy"] == "Always"
    assert server["startupProbe"]["grpc"] == {"port": 7233, "service": "temporal.api.workflowservice.v1.WorkflowService"}


# temporal-server


def test_the_server_takes_eight_connections() -> None:
    env = variables(containers(workloads(attempt("shop")))["temporal-server"])
    main, visibility = (int(env[name]) for name in ("SQL_MAX_CONNS", "SQL_VIS_MAX_CONNS"))
    assert 4 * (main + visibility) == 8
    assert (env["SQL_MAX_IDLE_CONNS"], env["SQL_VIS_MAX_IDLE_CONNS"]) == (env["SQL_MAX_CONNS"], env["SQL_VIS_MAX_CONNS"])


def test_the_dynamic_configuration_is_a_list_of_values_per_key() -> None:
    written = yaml.safe_load(one(claim(attempt("shop")), "ConfigMap", "temporal-server")["data"]["dynamic.yaml"])
    assert written == {key: [{"value": value}] for key, value in SMALL.items()}


def test_with_an_authority_every_connection_is_verified_and_without_none_is_encrypted() -> None:
    verified = variables(containers(plain("shop-workloads"))["temporal-server"])
    assert (verified["SQL_TLS_ENABLED"], verified["SQL_HOST_VERIFICATION"]) == ("true", "true")
    assert "SQL_TLS_ENABLED" not in variables(containers(plain("forum-workloads"))["temporal-server"])


def test_the_template_job_s_name_is_a_name_of_kubernetes() -> None:
    assert template_job_name("1.32.2") == "template-1-32-2"


# Secrets


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


# The application's environment


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
