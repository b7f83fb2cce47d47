"""The two PostgreSQL servers: `previews`, which pods reach with TLS, and `production`, for the production Temporal alone."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from psycopg import sql

from local.certificates import SUBJECT, server_certificate
from local.commands import run, write
from local.packages import POSTGRES_BIN
from local.passwords import password
from local.programs import Program, fingerprint, local_command
from local.settings import HOST_ADDRESS, PATHS, PLATFORM_NETWORK, POSTGRES_DATA, POSTGRES_SOCKETS, Ports
from local.waiting import await_address

INSTALL = PATHS.checkout / "deploy" / "postgresql" / "install.sql"
AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--")


@dataclass(frozen=True)
class Server:
    """One PostgreSQL server: data directory below `.local/state/postgres`, a port, and who may connect from where."""

    name: str
    address: str
    port: int
    access: str
    """Lines of pg_hba.conf for TCP. Through the socket, which only root reaches, root is the superuser `postgres`."""

    @property
    def program(self) -> str:
        return f"postgres-{self.name}"

    @property
    def admin_url(self) -> str:
        """A superuser's connection through the socket."""
        return f"postgresql://postgres@/postgres?host={POSTGRES_SOCKETS}&port={self.port}"

    @property
    def log(self) -> Path:
        return PATHS.logs / f"{self.program}.log"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.admin_url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def settings(self) -> dict[str, str]:
        shared = {"listen_addresses": self.address, "port": str(self.port), "unix_socket_directories": str(POSTGRES_SOCKETS)}
        if self.name != "previews":
            return {**shared, "shared_buffers": "64MB"}
        return {**shared, "max_connections": "200", "ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}


def previews(ports: Ports) -> Server:
    access = f"hostssl all all {PLATFORM_NETWORK} scram-sha-256"
    return Server("previews", HOST_ADDRESS, ports.postgres_previews, access)


def production(ports: Ports) -> Server:
    return Server("production", "127.0.0.1", ports.postgres_production, "host all all 127.0.0.1/32 scram-sha-256")


def programs(ports: Ports) -> list[Program]:
    """SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost."""
    return [
        Program(
            server.program,
            local_command("postgres", server.name),
            order=10,
            environment={**ports.variables(), "SETTINGS": fingerprint(f"{server.settings()} {server.access} {SUBJECT}")},
            stop_signal="INT",
            stop_seconds=30,
        )
        for server in (previews(ports), production(ports))
    ]


def serve(name: str, ports: Ports) -> NoReturn:
    """Makes the cluster if there is none yet, writes its configuration, and becomes the server. Raises PlatformError."""
    server = {"previews": previews, "production": production}[name](ports)
    data = POSTGRES_DATA / name
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    _configure(server, data)
    await_address(server.address)
    os.execvp(AS_POSTGRES[0], [*AS_POSTGRES, str(POSTGRES_BIN / "postgres"), "-D", str(data)])  # noqa: S606


def _initialise(data: Path) -> None:
    """`initdb` in a directory beside the real one: what an interrupted run leaves is never taken for a cluster."""
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    initdb = [POSTGRES_BIN / "initdb", "-D", draft, "-E", "UTF8", "--locale=C.UTF-8", "-A", "peer"]
    run([*AS_POSTGRES, *initdb], what="make a PostgreSQL cluster")
    if data.exists():
        data.rmdir()
    draft.rename(data)


def _configure(server: Server, data: Path) -> None:
    lines = [f"{name} = '{value}'" for name, value in server.settings().items()]
    _give(data / "platform.conf", "\n".join(lines) + "\n")
    main = data / "postgresql.conf"
    if "include 'platform.conf'" not in main.read_text():
        with main.open("a") as out:
            out.write("\ninclude 'platform.conf'\n")
    _give(data / "pg_hba.conf", f"local all all peer map=platform\n{server.access}\n")
    _give(data / "pg_ident.conf", "platform root postgres\nplatform postgres postgres\n")
    if server.name == "previews":
        certificate, key = server_certificate()
        _give(data / "server.crt", certificate)
        _give(data / "server.key", key)


def _give(path: Path, text: str) -> None:
    write(path, text, 0o600)
    shutil.chown(path, "postgres", "postgres")


def ensure_role(server: Server, name: str, attributes: str) -> None:
    """A role that logs in with our password, whatever it was before. `attributes` are SQL keywords of ours. Idempotent."""
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = "ALTER" if known else "CREATE"
        statement: Any = f"{verb} ROLE {{}} LOGIN {attributes} PASSWORD {{}}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(password(name))))


def ensure_deployer(server: Server) -> None:
    """The worker's role on the previews server, and the procedures by which it makes roles. Others may not even look in."""
    ensure_role(server, "deployer", "NOSUPERUSER CREATEDB NOCREATEROLE")
    psql = [POSTGRES_BIN / "psql", "-X", "-q", "-d", server.admin_url, "-v", "deployer=deployer", "-f", INSTALL]
    run(psql, what="install what the previews' PostgreSQL needs")


if __name__ == "__main__":
    serve(sys.argv[1], Ports.from_env(os.environ))
