"""What a build inside a container needs to know of this host to reach package registries: its certificates and its pip and npm settings.

Mounted for the build, over files that the base images have empty for that: nothing of it gets into an image.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.commands import run, write
from local.settings import PYTHON

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # here on Debian, and in the base images
NPM_FILES = (Path("/etc/npmrc"), Path("/usr/local/etc/npmrc"), Path("~/.npmrc").expanduser())
# Places on this host that mean nothing in a container.
NPM_LOCAL = re.compile(r"\s*(prefix|cache|nodedir|cafile|userconfig|globalconfig|init-module)\s*=")


@contextmanager
def host_settings() -> Iterator[list[str]]:
    """Options for `buildah bud`, valid as long as the block runs. Proxy variables go along without our help."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        listed = run([PYTHON, "-m", "pip", "config", "list"], what="read pip's settings")
        pip, folders = pip_settings(listed)
        write(scratch / "pip.conf", pip, 0o600)
        write(scratch / "npmrc", npm_settings([file.read_text() for file in NPM_FILES if file.exists()], os.environ), 0o600)
        mounts = {scratch / "pip.conf": "/etc/pip.conf", scratch / "npmrc": "/usr/local/etc/npmrc", _bundle(): str(BUNDLE)}
        mounts.update({Path(folder): folder for folder in folders if Path(folder).is_dir()})
        yield [option for source, place in mounts.items() for option in ("--volume", f"{source}:{place}:ro")]


def _bundle() -> Path:
    return Path(os.environ.get("SSL_CERT_FILE") or BUNDLE)


def pip_settings(listed: str) -> tuple[str, list[str]]:
    """From what `pip config list` prints to a pip.conf, and the local folders that it names."""
    values: dict[str, str] = {}
    for line in listed.splitlines():
        if match := re.fullmatch(r"(?::env:|global|install)\.([a-z-]+)='(.*)'", line):
            values[match[1]] = match[2]
    values["cert"] = str(BUNDLE)
    folders = [word for word in values.get("find-links", "").split() if word.startswith("/")]
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(values.items())), folders


def npm_settings(files: list[str], environment: Mapping[str, str]) -> str:
    """One npmrc of the host's files and its `npm_config_…` variables."""
    lines = [line for text in files for line in text.splitlines() if line.strip() and not NPM_LOCAL.match(line)]
    for name, value in environment.items():
        if name.lower().startswith("npm_config_"):
            lines.append(f"{name[len('npm_config_') :].lower().replace('_', '-')}={value}")
    return "\n".join([*(line for line in lines if not NPM_LOCAL.match(line)), f"cafile={BUNDLE}", ""])
