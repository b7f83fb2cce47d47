"""`up`, `down`, `purge` and `status`: what the Makefile's targets of these names do."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from local import bases, binaries, checks, cluster, family, host, images, locks, packages, postgres, registry, temporal, worker
from local.certificates import server_certificate
from local.commands import write
from local.errors import PlatformError, failed
from local.family import PLATFORM
from local.modules import MODULES
from local.progress import say, step, together
from local.settings import PATHS, REMEMBERED_PORTS, TASK_QUEUE, TEMPORAL_NAMESPACE, Ports
from local.waiting import AFRESH, http_status, require, wait_until

COMMAND_LOCK = PATHS.home / "command.lock"


def up() -> None:
    """Whatever the state before, afterwards the platform works. Raises PlatformError."""
    with locks.exclusive(COMMAND_LOCK, "another command of this checkout"):
        ports = Ports.current()
        running = _is_ours_running()
        if running:
            checks.check_ports(ports, _open_ports())
        else:
            checks.check(PATHS, ports, cold=not _is_built())
        build()
        PATHS.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        server_certificate()  # this and the password before two processes would make them at the same time
        registry.write_files(ports)
        family.write_configuration(ports)
        write(REMEMBERED_PORTS, json.dumps(ports.variables()))
        if running and not cluster.is_other():
            _refresh()
        else:
            _start()
        _converge(ports)
        _require_all_run()
    _say_where(ports)


def _open_ports() -> Ports:
    return Ports.from_env(json.loads(REMEMBERED_PORTS.read_text()) if REMEMBERED_PORTS.exists() else {})


def build() -> None:
    """Everything that can be made without starting anything: packages, programs, images. Raises PlatformError."""
    packages.install()
    for folder in (PATHS.binaries, PATHS.images, PATHS.tools):
        folder.mkdir(parents=True, exist_ok=True)
    together(binaries.build_all, bases.make_all)  # a compiler that waits for processors, and a package manager that waits for disks
    images.build_all()


def _is_built() -> bool:
    return all(binaries.directory(module).exists() for module in MODULES) and all(image.archive.exists() for image in images.IMAGES)


def _is_ours_running() -> bool:
    """Ends that of a checkout which is gone. Raises PlatformError when another checkout's is."""
    holder = _holder()
    if holder is None:
        return False
    if holder.is_orphan:
        family.end(holder.pid)
        return False
    if family.answers():
        return True
    say("the platform is there but does not answer: ending it")
    host.kill(holder.pid, 10.0)
    return False


def _holder() -> locks.Owner | None:
    """Who holds the machine and is ours to end: this checkout, or one that is gone. Raises PlatformError when another one does."""
    holder = locks.owner()
    if holder is None or holder.checkout == PATHS.checkout:
        return holder
    if not holder.is_orphan:
        raise locks.refused(holder)
    say(f"the platform of {holder.checkout} is up, but that checkout is gone: ending it")
    return holder


def _start() -> None:
    with step("start"):
        if holder := locks.owner():
            family.end(holder.pid)
        host.clean()
        if cluster.is_other():
            cluster.forget()
        host.prepare()
        PATHS.deployer_token.unlink(missing_ok=True)  # the last session's may have expired since
        family.start()


def _refresh() -> None:
    if changed := PLATFORM.reload():
        say(f"restarted with their new settings: {', '.join(changed)}")


def _converge(ports: Ports) -> None:
    """Kubernetes and Temporal do not need each other; the worker needs both."""
    together(lambda: cluster.converge(ports), lambda: _converge_temporal(ports), lambda: registry.converge(ports))
    worker.write_files(postgres.previews(ports))
    _write_environment(ports)
    _start_worker(ports)


def _converge_temporal(ports: Ports) -> None:
    production, previews = postgres.production(ports), postgres.previews(ports)
    with step("PostgreSQL"):
        for server in (production, previews):
            PLATFORM.start(server.program)
            require(server.answers, 60, f"PostgreSQL {server.name} answers", server.log)
        postgres.ensure_deployer(previews)
    with step("Temporal"):
        if PLATFORM.states()["temporal"] != "RUNNING":
            temporal.ensure_schema(production, ports)
            PLATFORM.start("temporal")
        temporal.register(ports)
        PLATFORM.start("temporal-ui")
        require(lambda: http_status("127.0.0.1", ports.temporal_ui, "/healthz") == 200, 30, "temporal-ui answers", _log("temporal-ui"))


def _start_worker(ports: Ports) -> None:
    if not worker.SCRIPT.exists():
        say("there is no worker.py in this checkout: no worker is started")
        return
    require(PATHS.deployer_token.exists, 30, "the worker has a token of its service account", _log("deployer-token"))
    with step("worker"):
        PLATFORM.start("worker")
        require(lambda: _worker_polls(ports), 30, "the worker polls its task queue", _log("worker"))
        worker.apply_schedules(ports)


def _worker_polls(ports: Ports) -> bool:
    return temporal.is_polled(ports, TASK_QUEUE, PLATFORM.started_at("worker"))


def _log(program: str) -> Path:
    return PATHS.logs / f"{program}.log"


def _write_environment(ports: Ports) -> None:
    """`.local/env`: for people and tests, who are administrators; the worker's own values are PREVIEWS_… in it."""
    values = {
        **worker.environment(ports),
        "KUBECONFIG": str(PATHS.admin_kubeconfig),
        "TEMPORAL_UI_URL": f"http://127.0.0.1:{ports.temporal_ui}",
        "PLATFORM_POSTGRES_ADMIN_URL": postgres.previews(ports).admin_url,
        "PLATFORM_DEPLOYER_KUBECONFIG": str(PATHS.deployer_kubeconfig),
        "PLATFORM_BINARIES": binaries.search_path(),
    }
    write(PATHS.home / "env", "".join(f"export {name}='{value}'\n" for name, value in values.items()), 0o600)


def _say_where(ports: Ports) -> None:
    say(f"up. temporal-ui http://127.0.0.1:{ports.temporal_ui}/namespaces/{TEMPORAL_NAMESPACE} · settings: source .local/env")


def down() -> None:
    """Ends everything, databases and Temporal in good order. `.local/state` stays. Idempotent. Raises PlatformError."""
    with locks.exclusive(COMMAND_LOCK, "another command of this checkout"):
        holder = _holder()
        if holder is not None:
            with step("stop"):
                family.end(holder.pid)
        if shutil.which("ip"):
            host.clean()
    say("down." if holder else "nothing was up.")


def purge() -> None:
    """`down`, and the databases, the cluster and the logs are gone too; what was built stays in the user's cache."""
    down()
    for folder in (PATHS.state, PATHS.logs, PATHS.home):
        shutil.rmtree(folder, ignore_errors=True)
    if PATHS.home.exists():
        raise PlatformError(f"could not remove {PATHS.home}")
    say("purged.")


def status() -> bool:
    """Prints each program's state; True when everything that should run does."""
    holder = locks.owner()
    if holder is None:
        say("down")
        return False
    checks.check_root()  # the sockets are root's
    say(f"up: {holder.checkout}")
    for name, state in _states().items():
        say(f"  {name:20} {state}")
    for name, port in asdict(Ports.current()).items():
        say(f"  127.0.0.1:{port:<10} {name}")
    return not _not_running()


def _states() -> dict[str, str]:
    return {**PLATFORM.states(), **cluster.NODE.states()}


def _not_running() -> list[str]:
    """A program that came back a moment ago counts when it has stayed."""
    return [f"{name} ({state})" for name, state in _states().items() if state != "RUNNING"]


def _require_all_run() -> None:
    if not wait_until(lambda: not _not_running(), 30):
        raise failed(f"not running after 30 s: {', '.join(_not_running())}", _log("supervisord"), AFRESH)
