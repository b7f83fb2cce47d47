"""A certificate authority of this checkout, and the certificate that its servers show where pods and nodes find them."""

import tempfile
from pathlib import Path

from local.commands import run, write
from local.settings import HOST_ADDRESS, PATHS

DAYS = "3650"
SUBJECT = "/CN=Temporal Previews local platform"
AUTHORITY = PATHS.home / "ca.crt"  # public: clients verify with it


def server_certificate() -> tuple[str, str]:
    """Certificate and key, in PEM, for the address where the previews' PostgreSQL and the registry are found. Made once."""
    certificate, key = PATHS.secrets / "server.crt", PATHS.secrets / "server.key"
    if not (certificate.exists() and key.exists() and (PATHS.secrets / "ca.crt").exists()):
        _make(certificate, key)
    write(AUTHORITY, (PATHS.secrets / "ca.crt").read_text())
    return certificate.read_text(), key.read_text()


def _make(certificate: Path, key: Path) -> None:
    """The authority's key signs this one certificate and is thrown away: nobody can issue another."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS]
        ca = ["-subj", "/CN=Temporal Previews local authority", "-keyout", scratch / "ca.key", "-out", scratch / "ca.crt"]
        run([*new, *ca], what="make a certificate authority")
        own = ["-subj", SUBJECT, "-addext", f"subjectAltName=IP:{HOST_ADDRESS}", "-addext", "basicConstraints=CA:FALSE"]
        signed = ["-CA", scratch / "ca.crt", "-CAkey", scratch / "ca.key", "-keyout", scratch / "key", "-out", scratch / "crt"]
        run([*new, *own, *signed], what="make the servers' certificate")
        write(PATHS.secrets / "ca.crt", (scratch / "ca.crt").read_text())
        write(key, (scratch / "key").read_text(), 0o600)
        write(certificate, (scratch / "crt").read_text())
