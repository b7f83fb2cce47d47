"""A PostgreSQL of Debian's, started for one test session in a folder of its own and ended afterwards.

It looks like a managed server: TLS with a certificate of its own authority, passwords for everybody, and a `deployer` who may make
databases and roles but is not superuser.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SUPERUSER = "postgres"
PASSWORD = "a password with ' and \\ and %"
PREPARATION = (
    "CREATE ROLE deployer LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
    "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
    "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
    "GRANT CONNECT ON DATABASE postgres TO deployer",
)
"""What an administrator does once on a server that is shared by previews."""
CONFIGURATION = """
listen_addresses = '127.0.0.1'
ssl = on
fsync = off
max_connections = 60
log_statement = 'all'
"""
ACCESS = """
local all postgres trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    """Where the server is and how to get in."""

    folder: Path
    port: int

    @property
    def ca_file(self) -> Path:
        return self.folder / "data" / "server.crt"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def url(self, user: str = "deployer", password: str = PASSWORD, database: str = "postgres") -> str:
        return psycopg.conninfo.make_conninfo(host="localhost", port=self.port, user=user, password=password, dbname=database)

    def superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=str(self.folder), port=self.port, user=SUPERUSER, dbname=database, autocommit=True)


@contextmanager
def running() -> Iterator[Server]:
    """Initialises, starts, prepares, and ends it by its process ID."""
    if not PROGRAMS:
        raise RuntimeError("PostgreSQL's server programs are missing: apt-get install postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="previews-postgresql-"))
    try:
        _initialise(folder)
        with _process(folder):
            server = Server(folder, int((folder / "port").read_text()))
            _prepare(server)
            yield server
    finally:
        shutil.rmtree(folder)


def _initialise(folder: Path) -> None:
    data = folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, SUPERUSER)
    _as_postgres(PROGRAMS[-1] / "initdb", "-D", data, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    _as_postgres(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", data / "server.key", "-out", data / "server.crt"),
    )
    (data / "postgresql.auto.conf").write_text(CONFIGURATION + f"unix_socket_directories = '{folder}'\n")
    (data / "pg_hba.conf").write_text(ACCESS)
    (folder / "port").write_text(str(_free_port()))


@contextmanager
def _process(folder: Path) -> Iterator[None]:
    port = (folder / "port").read_text()
    command = [str(PROGRAMS[-1] / "postgres"), "-D", str(folder / "data"), "-p", port]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **_user())
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _prepare(server: Server) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with server.superuser() as connection:
                for statement in PREPARATION:
                    connection.execute(statement.format(password=PASSWORD.replace("'", "''")))  # type: ignore[call-overload]
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{server.log}") from None
            time.sleep(0.05)


def _as_postgres(*command: str | Path) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **_user())
    if result.returncode:
        raise RuntimeError(f"{command[0]}: {result.stderr}")


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": SUPERUSER, "group": SUPERUSER} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
