"""What the platform takes from Debian."""

import os
import shutil
from pathlib import Path

from local.commands import run_logged
from local.errors import PlatformError
from local.progress import step
from local.settings import PATHS

POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")

# A file that a package brings → the package.
PROGRAMS = {
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "/usr/bin/buildah": "buildah",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/ipset": "ipset",
    "/usr/sbin/conntrack": "conntrack",
    "/usr/sbin/nft": "nftables",
    "/usr/sbin/ip": "iproute2",
    "/usr/bin/socat": "socat",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/htpasswd": "apache2-utils",
    "/usr/bin/unshare": "util-linux",
    "/usr/bin/mount": "mount",
    "/usr/sbin/sysctl": "procps",
    str(POSTGRES_BIN / "postgres"): "postgresql-15",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
CREATE_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def missing() -> list[str]:
    """Debian packages that are not installed, sorted."""
    return sorted({package for file, package in PROGRAMS.items() if not Path(file).exists()})


def install() -> None:
    """Installs what is missing, and nothing that those packages only recommend. Raises PlatformError."""
    wanted = missing()
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        raise PlatformError(f"these are missing and there is no apt-get to install them: {', '.join(wanted)}")
    if "postgresql-15" in wanted:
        _keep_debian_from_starting_a_server()
    log, env = PATHS.logs / "apt.log", {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    advice = "Debian 12 has all of them; look at /etc/apt and at the network."
    with step(f"install {' '.join(wanted)}"):
        run_logged(["apt-get", "update", "-q"], log, what="read Debian's package lists", advice=advice, env=env)
        command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *wanted]
        run_logged(command, log, what="install Debian packages", advice=advice, env=env)


def _keep_debian_from_starting_a_server() -> None:
    """The package makes and starts a cluster `main` on port 5432 unless this file, which it leaves alone if it exists, forbids it."""
    if not CREATE_CLUSTER.exists():
        CREATE_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        CREATE_CLUSTER.write_text("create_main_cluster = false\nstart_conf = 'manual'\n")
