"""A PostgreSQL of Debian's, started for one test session in a folder of its own and ended afterwards.

It looks like a managed server: TLS with a certificate of its own authority, passwords for everybody, an odd port, and an `administrator`
who may make databases and roles but is not superuser. He installs what the worker needs, as people do.
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

from gateways.postgres import PostgresServer

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
INSTALL = Path(__file__).parents[2] / "deploy" / "postgresql" / "install.sql"
SUPERUSER = "postgres"
PASSWORD = "a password with ' and \\ and %"
PREPARATION = (
    "CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
    "ALTER DATABASE postgres OWNER TO administrator",
    "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
)
"""What the provider of a managed server does."""
CONFIGURATION = """
listen_addresses = '{address}'
max_connections = {connections}
ssl = on
fsync = off
log_statement = 'all'
"""
ACCESS = """
local all postgres trust
hostssl all all all scram-sha-256
"""


@dataclass(frozen=True)
class Server:
    """Where the server is and how to get in."""

    folder: Path
    host: str
    port: int

    @property
    def ca_file(self) -> Path:
        return self.folder / "data" / "server.crt"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def url(self, user: str = "deployer", password: str = PASSWORD, database: str = "postgres") -> str:
        return psycopg.conninfo.make_conninfo(host=self.host, port=self.port, user=user, password=password, dbname=database)

    def one_value(self) -> str:
        """With host:port as one value, as providers show it."""
        password = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
        return f"host={self.host}:{self.port} user=deployer password='{password}' dbname=postgres"

    def superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=str(self.folder), port=self.port, user=SUPERUSER, dbname=database, autocommit=True)

    def connect(self, user: str = "deployer", password: str = PASSWORD, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url(user, password, database), autocommit=True)

    def worker(self, connections: int = 12) -> PostgresServer:
        """As the product connects."""
        (self.folder / "url").write_text(self.url())
        return PostgresServer(self.folder / "url", self.ca_file, connections)

    def install(self, namespaces: str = "pr-{pr}", deployer: str = "deployer", database: str = "postgres") -> str:
        """As the documentation says, by the administrator. Returns what psql has to say."""
        url = self.url("administrator", database=database)
        words = ["-X", "-q", "-d", url, "-v", f"deployer={deployer}", "-v", f"namespaces={namespaces}", "-f", str(INSTALL)]
        done = subprocess.run([str(PROGRAMS[-1] / "psql"), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@contextmanager
def running(connections: int = 60, host: str = "localhost", install: bool = True) -> Iterator[Server]:
    """Initialises, starts, prepares, and ends it by its process ID. `host`: a name or an address of this machine."""
    if not PROGRAMS:
        raise RuntimeError("PostgreSQL's server programs are missing: apt-get install postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="previews-postgresql-"))
    server = Server(folder, host, _free_port())
    try:
        _initialise(server, connections)
        with _process(server):
            _prepare(server)
            if install:
                server.install()
                with server.connect("administrator") as administrator:
                    administrator.execute(_with_password("ALTER ROLE deployer PASSWORD '{password}'"))
            yield server
    finally:
        shutil.rmtree(folder)


def _initialise(server: Server, connections: int) -> None:
    data = server.folder / "data"
    if os.geteuid() == 0:
        shutil.chown(server.folder, SUPERUSER)
    _as_postgres(PROGRAMS[-1] / "initdb", "-D", data, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    kind = "IP" if server.host[0].isdigit() else "DNS"
    _as_postgres(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", f"/CN={server.host}"),
        *("-addext", f"subjectAltName={kind}:{server.host}", "-keyout", data / "server.key", "-out", data / "server.crt"),
    )
    address = server.host if kind == "IP" else "127.0.0.1"
    settings = CONFIGURATION.format(address=address, connections=connections)
    (data / "postgresql.auto.conf").write_text(settings + f"unix_socket_directories = '{server.folder}'\n")
    (data / "pg_hba.conf").write_text(ACCESS)


@contextmanager
def _process(server: Server) -> Iterator[None]:
    command = [str(PROGRAMS[-1] / "postgres"), "-D", str(server.folder / "data"), "-p", str(server.port)]
    with (server.folder / "log").open("w") as log:
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
                    connection.execute(_with_password(statement))
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{server.log}") from None
            time.sleep(0.05)


def _with_password(statement: str) -> Any:
    return statement.format(password=PASSWORD.replace("'", "''"))


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
