"""The first process of the platform: it furnishes its private mounts and becomes supervisord. Its end is the end of everything.

Runs as `python -m local.init` in a PID and a mount namespace of its own.
"""

import os
import shutil
from typing import NoReturn

from local.commands import run
from local.settings import PATHS, PLATFORM_SOCKET, POSTGRES_DATA, POSTGRES_SOCKETS, PYTHON


def main() -> NoReturn:
    """Data directories are mounted where the user postgres can reach them: the checkout may be below /root."""
    PATHS.databases.mkdir(parents=True, exist_ok=True)
    for folder in (PATHS.databases, POSTGRES_SOCKETS):
        shutil.chown(folder, "postgres", "postgres")
    POSTGRES_SOCKETS.chmod(0o700)
    run(["mount", "--bind", PATHS.databases, POSTGRES_DATA], what="mount the databases")
    for stale in POSTGRES_DATA.glob("*/postmaster.pid"):  # its process cannot be alive: this PID namespace is new
        stale.unlink()
    PLATFORM_SOCKET.unlink(missing_ok=True)
    os.execv(PYTHON, [str(PYTHON), "-m", "supervisor.supervisord", "-c", str(PATHS.supervisor_config)])  # noqa: S606


if __name__ == "__main__":
    main()
