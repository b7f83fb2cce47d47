"""Proves when an image is pushed, and that every program of the platform is told the same of its registry."""

import json
import tomllib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from string import Template

import httpx
import pytest
import yaml

from local import node, registry
from local.errors import PlatformError
from local.settings import Ports
from stack.registry import credentials

DIGEST = "sha256:" + "5" * 64
FOUND = httpx.Response(HTTPStatus.OK, headers={"Docker-Content-Digest": DIGEST})
UNKNOWN = httpx.Response(HTTPStatus.NOT_FOUND)
Answers = list[httpx.Response | httpx.TransportError]


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was pushed where."""
    made: list[str] = []

    def buildah(arguments: Sequence[object], what: str, log: Path) -> None:
        made.append(str(arguments[-1]))

    monkeypatch.setattr(registry, "buildah", buildah)
    monkeypatch.setattr(registry, "load", lambda image, archive: None)
    return made


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The registry's next ones."""

    def give(*answers: httpx.Response | httpx.TransportError) -> None:
        waiting = iter(answers)

        def ask(ports: Ports, path: str) -> httpx.Response:
            answer = next(waiting)
            if isinstance(answer, httpx.TransportError):
                raise answer
            answer.request = httpx.Request("HEAD", f"https://registry.test/v2/{path}")
            return answer

        monkeypatch.setattr(registry, "_ask", ask)

    return give


def provide() -> str:
    return registry.provide("localhost/example-webapp:1", "shop/webapp:1", Path("webapp.tar"), Ports(registry=9))


def test_an_image_that_is_there_is_not_pushed_again(pushed: list[str], answers: Callable[..., None]) -> None:
    answers(FOUND)
    assert provide() == f"10.202.0.1:9/shop/webapp@{DIGEST}"
    assert pushed == []


def test_a_new_image_is_pushed_and_named_by_its_digest(pushed: list[str], answers: Callable[..., None]) -> None:
    answers(UNKNOWN, FOUND)
    assert provide() == f"10.202.0.1:9/shop/webapp@{DIGEST}"
    assert pushed == ["docker://10.202.0.1:9/shop/webapp:1"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param([UNKNOWN, UNKNOWN], "does not have shop/webapp:1, which was just pushed", id="it forgets"),
        pytest.param([httpx.Response(HTTPStatus.UNAUTHORIZED)], "could not ask the registry for shop/webapp:1", id="it refuses"),
        pytest.param([httpx.ConnectError("refused")], "could not ask the registry for shop/webapp:1: refused", id="it is away"),
    ],
)
def test_what_goes_wrong_is_told(pushed: list[str], answers: Callable[..., None], given: Answers, told: str) -> None:
    answers(*given)
    with pytest.raises(PlatformError, match=told):
        provide()


def test_it_answers_only_who_signs_in(answers: Callable[..., None]) -> None:
    answers(httpx.Response(HTTPStatus.UNAUTHORIZED), httpx.ConnectError("refused"), httpx.Response(HTTPStatus.OK))
    assert [registry._answers(Ports()) for _ in range(3)] == [False, False, True]


def test_the_node_asks_the_registry_and_nobody_else() -> None:
    address = registry.address(Ports(registry=9))
    files = {
        place: Template((node.TEMPLATES / name).read_text()).substitute(node._values(address))
        for place, name in node._files(address).items()
    }
    ours = tomllib.loads(files[f"registries/{address}/hosts.toml"])
    assert (ours["server"], list(ours["host"])) == (f"https://{address}", [f"https://{address}"])
    assert tomllib.loads(files["registries/_default/hosts.toml"])["server"] == "http://127.0.0.1:1"


def test_the_credentials_are_such_as_nodes_can_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("an authority")
    for name, value in {"AUTHORITY": authority, "CREDENTIALS": tmp_path / "config.json", "TRUST": tmp_path / "trust"}.items():
        monkeypatch.setattr(registry, name, value)
    monkeypatch.setattr(registry, "password", lambda name: "a password")
    registry.write_files(Ports(registry=9))
    text = (tmp_path / "config.json").read_text()
    assert list(json.loads(credentials(text))["auths"]) == ["10.202.0.1:9"]
    assert (tmp_path / "config.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / "trust" / "ca.crt").read_text() == "an authority"


def test_its_configuration_asks_for_a_password_and_speaks_tls() -> None:
    values = {"ADDRESS": "10.202.0.1:9", "STORAGE": "/state", "FOLDER": "/registry"}
    told = yaml.safe_load(Template(registry.TEMPLATE.read_text()).substitute(values))
    assert told["auth"]["htpasswd"]["path"] == "/registry/htpasswd"
    assert told["http"]["addr"] == "10.202.0.1:9"
    assert set(told["http"]["tls"]) == {"certificate", "key"}
