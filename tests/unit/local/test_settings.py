"""Proves that ports are read strictly, and that what is said in two places says the same."""

import re
from pathlib import Path

import pytest
import yaml

from local import settings
from local.errors import PlatformError
from local.images import IMAGES
from local.modules import MODULES
from local.node import TEMPLATES
from local.settings import Paths, Ports
from local.worker import environment
from stack.settings import Settings

LOCAL = Path(settings.__file__).parent


def test_ports_are_the_documented_ones_unless_the_environment_moves_them() -> None:
    assert Ports.from_env({}) == Ports(ingress=8080, kubernetes=16443, temporal=7233, temporal_ui=8233)
    assert Ports.from_env({"LOCAL_PORT_INGRESS": "80", "LOCAL_PORT_TEMPORAL": ""}) == Ports(ingress=80)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8080 ", "http", "８０", "1e3"])
def test_what_is_not_a_port_is_refused_by_name(text: str) -> None:
    with pytest.raises(PlatformError, match="LOCAL_PORT_INGRESS"):
        Ports.from_env({"LOCAL_PORT_INGRESS": text})


def test_every_wrong_port_is_in_the_one_message() -> None:
    with pytest.raises(PlatformError, match=r"(?s)INGRESS.*TEMPORAL_UI"):
        Ports.from_env({"LOCAL_PORT_INGRESS": "x", "LOCAL_PORT_TEMPORAL_UI": "y"})


def test_ports_are_read_back_from_the_variables_they_give() -> None:
    ports = Ports(ingress=81, postgres_production=5433)
    assert Ports.from_env(ports.variables()) == ports


def test_the_users_cache_is_where_the_user_says() -> None:
    assert Paths.from_env({"XDG_CACHE_HOME": "/elsewhere"}).binaries == Path("/elsewhere/temporal-previews/bin")
    assert Paths.from_env({"XDG_CACHE_HOME": ""}).cache == Path.home() / ".cache" / "temporal-previews"


def test_the_worker_understands_every_setting_that_it_is_given() -> None:
    read = Settings.from_env(environment(Ports(ingress=8081)))
    assert read.url_template == "http://{host}:8081"
    assert read.ingress_address == "10.96.0.80:80"
    assert read.deployer_cidr == "10.202.0.1/32"


@pytest.mark.parametrize(
    ("module", "source", "version"),
    [
        ("kubernetes", "k8s.io/kubernetes", settings.KUBERNETES),
        ("temporal", "go.temporal.io/server", settings.TEMPORAL),
        ("temporal-ui", "github.com/temporalio/ui-server/v2", settings.TEMPORAL_UI),
        ("coredns", "github.com/coredns/coredns", settings.COREDNS),
        ("etcd", "go.etcd.io/etcd/server/v3", settings.ETCD.removesuffix("-0")),
        ("skipper", "github.com/zalando/skipper", settings.SKIPPER),
    ],
)
def test_images_are_called_after_the_version_that_is_built(module: str, source: str, version: str) -> None:
    required = (LOCAL / "modules" / module / "go.mod").read_text()
    assert re.search(rf"^\s*(require )?{re.escape(source)} v{re.escape(version)}( |$)", required, re.MULTILINE)


def test_every_module_is_there_and_knows_what_go_calls_its_programs() -> None:
    names = {module.name: [module.go_name(package) for package in module.programs.values()] for module in MODULES}
    assert all((LOCAL / "modules" / name / "go.mod").exists() for name in names)
    assert names["etcd"] == ["server"]
    assert names["temporal"] == ["server", "sql"]
    assert names["pause"] == ["pause"]


def test_the_ingress_is_where_the_relay_and_the_worker_look_for_it() -> None:
    objects = list(yaml.safe_load_all((LOCAL / "cluster" / "ingress.yaml").read_text()))
    (service,) = [one for one in objects if one["kind"] == "Service"]
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    assert service["spec"]["clusterIP"] == settings.INGRESS_ADDRESS
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] in {image.name for image in IMAGES}


def test_nothing_that_is_committed_names_a_place_to_download_from() -> None:
    """The hosts in image and module names are names; an address would be a place."""
    addresses = re.compile(r"https?://(?!127\.0\.0\.1|localhost|\{|\$)[a-z0-9.-]+")
    files = [
        path for path in LOCAL.rglob("*") if path.is_file() and path.suffix in {".py", ".yaml", ".toml", ".conflist", ".conf", ".sh", ""}
    ]
    assert {path.name: found for path in files if (found := addresses.findall(path.read_text(errors="ignore")))} == {}
    assert TEMPLATES.is_dir()
