"""The local platform keeps its promises: it heals, it refuses in one clear message, it forgets nothing, and it leaves nothing."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from local import cgroups, locks, worker
from local.cluster import NODE, kubectl
from local.family import PLATFORM
from local.settings import HOST_LINK, POSTGRES_DATA, RUN, TEMPORAL_NAMESPACE, Ports
from local.supervisor import Supervisor
from local.waiting import wait_until
from tests.platform.machine import ROOT, Traces, alive_in, command, host_pid, namespaces

PROGRAMS = [
    *[(PLATFORM, name) for name in ("node", "postgres-previews", "postgres-production", "temporal", "temporal-ui", "registry")],
    *[(PLATFORM, name) for name in ("relay-ingress", "relay-kubernetes", "deployer-token", "worker")],
    *[(NODE, name) for name in ("containerd", "kubelet", "kube-router")],
]
from_down = pytest.mark.from_down


def numbers() -> dict[str, int]:
    """Process number of each program, as its supervisord counts."""
    return {name: supervisor.inner_pid(name) for supervisor, name in PROGRAMS}


def test_up_again_changes_nothing_and_is_quick() -> None:
    before = numbers()
    again = command("up").check()
    assert numbers() == before
    assert again.seconds < 15


@pytest.mark.parametrize(("supervisor", "name"), PROGRAMS, ids=[name for _, name in PROGRAMS])
def test_a_killed_process_comes_back(supervisor: Supervisor, name: str) -> None:
    old = supervisor.inner_pid(name)
    os.kill(host_pid(supervisor, old), signal.SIGKILL)
    command("up").check()
    assert supervisor.inner_pid(name) != old
    assert command("status").check()


def test_a_node_that_was_killed_comes_back_and_the_previews_database_answers_its_verified_address_again() -> None:
    """The address goes away with the node's link and comes back with it, under a server that has been listening all the time."""
    below = namespaces(NODE)
    os.kill(NODE.pid(), signal.SIGKILL)
    assert wait_until(lambda: not alive_in(below), 5), alive_in(below)
    command("up").check()
    assert command("status").check()
    with psycopg.connect(deployer_url(), connect_timeout=5) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)


def test_the_previews_database_refuses_whoever_does_not_encrypt() -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(deployer_url().replace("sslmode=verify-full", "sslmode=disable"), connect_timeout=5)


def deployer_url() -> str:
    return worker.DATABASE_URL.read_text().strip()


def test_a_platform_that_does_not_answer_is_replaced() -> None:
    stopped = PLATFORM.pid()
    os.kill(stopped, signal.SIGSTOP)
    command("up").check()
    assert PLATFORM.pid() != stopped


def test_a_second_checkout_is_refused_and_told_which_is_up(tmp_path: Path) -> None:
    before = numbers()
    other = copy_of_checkout(tmp_path)
    for name in ("up", "down", "purge"):
        refused = command(name, other)
        assert refused.code == 1
        assert str(ROOT) in refused.said
        assert refused.seconds < 10
    assert numbers() == before


def copy_of_checkout(place: Path) -> Path:
    """What the platform needs of a checkout, as it is now, and nothing that was made from it."""
    other = place / "checkout"
    for folder in ("local", "stack", "deploy"):
        shutil.copytree(ROOT / folder, other / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "dist"))
    return other


def test_up_after_everything_was_killed_and_traces_were_left() -> None:
    """As after a power cut or a careless clean-up: no process, but mounts, a link, routes, control groups, sockets and pid files."""
    everything = namespaces(PLATFORM)
    os.kill(PLATFORM.pid(), signal.SIGKILL)
    assert wait_until(lambda: not alive_in(everything), 5), alive_in(everything)
    leave_traces()
    command("up").check()
    assert command("status").check()
    command("down").check()
    assert not Path(f"/sys/class/net/{HOST_LINK}").exists()
    assert [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(RUN) in line] == []


def leave_traces() -> None:
    with contextlib.suppress(subprocess.CalledProcessError):  # the kernel may still be removing the real one
        run("ip", "link", "del", HOST_LINK)
    run("ip", "link", "add", HOST_LINK, "type", "bridge")
    run("ip", "link", "set", HOST_LINK, "up")
    run("ip", "route", "add", "10.200.0.0/16", "dev", HOST_LINK)
    for folder in (POSTGRES_DATA, RUN / "node"):
        folder.mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "stale", str(folder))
    for name in ("previews", "production"):
        (ROOT / ".local" / "state" / "postgres" / name / "postmaster.pid").write_text("1\n/nowhere\n")
    for hierarchy in cgroups.hierarchies():
        (hierarchy / "temporal-previews" / "kubepods" / "stale").mkdir(parents=True, exist_ok=True)
    (RUN / "platform.sock").touch()


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


@from_down
def test_a_fresh_checkout_is_up_in_a_minute_even_after_an_interrupted_start(tmp_path: Path) -> None:
    """Programs and images come from the user's cache. The first start is killed in the middle of kubeadm; the second one counts."""
    other = copy_of_checkout(tmp_path)
    try:
        interrupt_first_start(other)
        fresh = command("up", other).check()
        assert fresh.seconds < 60
        assert "there is no worker.py" in fresh.said
    finally:
        command("purge", other).check()
    assert not (other / ".local").exists()


def interrupt_first_start(checkout: Path) -> None:
    """Kills `up` and its kubeadm as soon as that has begun to write the cluster's keys."""
    begun = subprocess.Popen([sys.executable, "-m", "local", "up"], cwd=checkout, stdout=subprocess.DEVNULL, start_new_session=True)
    keys = checkout / ".local" / "state" / "node" / "kubernetes" / "pki"
    assert wait_until(keys.exists, 60)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert not (checkout / ".local" / "state" / "node" / "initialised").exists()


@from_down
def test_busy_ports_are_all_named_in_one_message_at_once() -> None:
    ports = Ports.current()
    with listener(ports.ingress), listener(ports.temporal):
        refused = command("up")
    assert refused.code == 1
    assert f"port {ports.ingress} (ingress) is in use" in refused.said
    assert f"port {ports.temporal} (temporal) is in use" in refused.said
    assert refused.seconds < 5
    assert locks.owner() is None


@contextlib.contextmanager
def listener(port: int) -> Iterator[None]:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield


@from_down
def test_down_twice_is_fine() -> None:
    assert "nothing was up" in command("down").check().said


@from_down
def test_down_leaves_no_process_mount_link_route_firewall_rule_or_control_group() -> None:
    before = Traces()
    command("up").check()
    everything = namespaces(PLATFORM)
    command("down").check()
    assert alive_in(everything) == []
    assert Traces() == before


async def test_workflows_and_kubernetes_objects_survive_down_and_up() -> None:
    name = f"survivor-{uuid.uuid4()}"
    await (await client()).start_workflow("NobodyRunsThis", id=name, task_queue=name)
    kubectl("create", "configmap", name, what="make an object")
    try:
        command("down").check()
        command("up").check()
        found = await (await client()).get_workflow_handle(name).describe()
        assert found.status is WorkflowExecutionStatus.RUNNING
        assert name in kubectl("get", "configmap", name, "-o", "name", what="find the object")
    finally:
        await (await client()).get_workflow_handle(name).terminate()
        kubectl("delete", "configmap", name, what="remove the object")


async def client() -> Client:
    return await Client.connect(f"127.0.0.1:{Ports.current().temporal}", namespace=TEMPORAL_NAMESPACE)
