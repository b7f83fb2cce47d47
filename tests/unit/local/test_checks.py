"""Proves which routes of the host are in the platform's way, and how it reads what cannot be guessed."""

import socket

import pytest

from local import checks
from local.__main__ import main
from local.checks import available_memory, overlaps
from local.errors import PlatformError
from local.settings import Paths, Ports


@pytest.mark.parametrize(
    ("destination", "device", "named"),
    [
        ("10.200.3.0/24", "docker0", "pods"),
        ("10.0.0.0/8", "wg0", "pods"),
        ("10.96.0.1", "kube", "services"),
        ("10.202.0.0/24", "eth1", "the node's link"),
    ],
)
def test_a_route_that_covers_ours_is_a_problem(destination: str, device: str, named: str) -> None:
    problems = " ".join(overlaps(destination, device))
    assert named in problems
    assert device in problems


@pytest.mark.parametrize(
    ("destination", "device"), [("default", "eth0"), ("10.200.0.0/16", "tp0"), ("192.168.1.0/24", "eth0"), ("10.97.0.0/16", "x")]
)
def test_other_routes_are_not(destination: str, device: str) -> None:
    assert list(overlaps(destination, device)) == []


def test_available_memory_is_in_bytes() -> None:
    assert (available_memory() or 0) > 2**20


def test_a_port_counts_as_taken_only_when_somebody_listens_and_all_taken_ones_are_named() -> None:
    with socket.socket() as one, socket.socket() as other:
        for holder in (one, other):
            holder.bind(("127.0.0.1", 0))
            holder.listen()
        wanted = Ports(ingress=one.getsockname()[1], temporal=other.getsockname()[1])
        with pytest.raises(PlatformError) as refused:
            checks.check_ports(wanted, Ports())
    assert str(wanted.ingress) in str(refused.value)
    assert str(wanted.temporal) in str(refused.value)
    checks.check_ports(wanted, Ports())


def test_ports_that_the_platform_itself_holds_are_no_problem() -> None:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        ports = Ports(ingress=own.getsockname()[1])
        checks.check_ports(ports, ports)


def test_every_problem_is_said_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "available_memory", lambda: 2**30)
    monkeypatch.setattr(checks, "DISK_WARM", 2**60)
    with pytest.raises(PlatformError) as refused:
        checks.check(Paths.from_env({}), Ports(), cold=False)
    said = str(refused.value)
    assert "1.0 GiB of memory" in said
    assert "are free at" in said


@pytest.mark.parametrize("command", ["up", "down", "purge", "build", "example"])
def test_who_is_not_root_is_told_so_in_one_message(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["local", command])
    assert main() == 1
    assert "not root" in capsys.readouterr().err
