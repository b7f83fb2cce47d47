"""The objects of a stack: the golden YAML, and the rules that must hold whatever the YAML looks like."""

from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from stack.manifests import image_check_pod, render, template_job_name, to_dict, workload_objects
from stack.manifests.server import SMALL
from stack.models import Application, SecretsReport
from stack.names import PULL_SECRET
from stack.network_address import Address
from stack.settings import Settings
from tests.golden_cases import CA, CASES, GOLDEN, OUTSIDE, SECRETS, attempt, plain, rendered
from tests.unit.objects import Plain, claim, containers, one, pod_specs, variables, workloads

PODS = [case for case in CASES if not case.endswith("-claim")]
WORKLOADS = [case for case in CASES if case.endswith("-workloads")]


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


@pytest.mark.parametrize("case", PODS)
def test_every_pod_is_denied_what_it_does_not_need(case: str) -> None:
    for pod in pod_specs(plain(case)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert pod["terminationGracePeriodSeconds"] <= 5
        assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & pod.keys()
        assert {kind for volume in pod.get("volumes", []) for kind in volume} <= {"name", "configMap", "secret", "emptyDir"}


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


@pytest.mark.parametrize("case", ["shop-claim", "forum-claim", "shop-elsewhere-workloads", "forum-elsewhere-workloads"])
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


def test_the_block_that_the_settings_name_is_all_that_is_open_for_postgresql() -> None:
    settings = Settings(database_cidr=IPv4Network("10.110.0.0/20"))
    spec = policies(claim(attempt("shop"), settings, host="db.example.com"))["allow-postgresql"]
    assert spec["egress"] == [{"to": [{"ipBlock": {"cidr": "10.110.0.0/20"}}], "ports": [{"port": 5432, "protocol": "TCP"}]}]


CLOSED = Settings(
    production_addresses=(Address(host="10.96.7.7", port=7233), Address(host="fd00::7", port=7233), Address(host="t.live.svc", port=7233)),
    closed_cidrs=(IPv4Network("203.0.113.0/24"),),
)
LEFT_OUT = ["169.254.0.0/16", "10.96.7.7/32", "203.0.113.0/24"]


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        pytest.param("10.1.2.3", {"ipBlock": {"cidr": "10.1.2.3/32"}}, id="an address is exact"),
        pytest.param("fd00::5", {"ipBlock": {"cidr": "fd00::5/128"}}, id="so is one of IPv6"),
        pytest.param(
            "temporal.staging.svc.cluster.local",
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "staging"}}},
            id="a Service's namespace is in its name",
        ),
        pytest.param(
            "acme.tmprl.cloud",
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": LEFT_OUT}},
            id="another name may mean anything that is not closed",
        ),
    ],
)
def test_a_temporal_elsewhere_is_reached_at_its_port_by_one_rule(host: str, peer: Plain) -> None:
    found = policies(workloads(attempt("shop"), elsewhere=Address(host=host, port=17233), installation=CLOSED))
    assert list(found) == ["allow-temporal-elsewhere"]
    assert found["allow-temporal-elsewhere"] == {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [peer], "ports": [{"port": 17233, "protocol": "TCP"}]}],
    }


@pytest.mark.parametrize("elsewhere", [None, Address(host="localhost", port=7233), Address(host="127.0.0.1", port=7233)])
def test_to_nowhere_and_to_itself_no_way_is_opened(elsewhere: Address | None) -> None:
    assert policies(workloads(attempt("shop"), elsewhere=elsewhere)) == {}


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


def test_pods_pull_by_credentials_only_where_there_are_some() -> None:
    knowing = OUTSIDE.model_copy(update={"registry_credentials_file": Path("config.json")})
    application = Application(attempt=attempt("shop"), secrets=SECRETS)
    address = ("10.202.0.1", 5433)
    for settings, names in ((OUTSIDE, None), (knowing, [{"name": PULL_SECRET}])):
        objects = [to_dict(item) for item in workload_objects(application, settings, database_ca=CA, database_address=address)]
        check = to_dict(image_check_pod(attempt("shop"), settings, {"worker": "registry.example.com/shop:1"}))
        assert [pod.get("imagePullSecrets") for pod in (*pod_specs(objects), check["spec"])] == [names] * 3
