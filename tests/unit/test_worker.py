"""The worker as a process: it ends when it is told to, and says what is wrong with its settings in one message."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import worker

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Everything that a worker needs, of servers that are not there."""
    (tmp_path / "url").write_text("postgresql://deployer:hidden@127.0.0.1:1/postgres")
    cluster = "{name: x, cluster: {server: 'https://127.0.0.1:1'}}"
    context = "{name: x, context: {cluster: x, user: x}}"
    (tmp_path / "kubeconfig").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        f"clusters: [{cluster}]\ncontexts: [{context}]\nusers: [{{name: x, user: {{token: x}}}}]\n"
    )
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("PREVIEWS_", "TEMPORAL_"))}
    return rest | {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PREVIEWS_DATABASE_URL_FILE": str(tmp_path / "url"),
        "TEMPORAL_ADDRESS": NOBODY,
    }


def start(settings: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(ROOT / "worker.py")], env=settings, stderr=subprocess.PIPE, text=True)


def test_it_ends_at_once_while_temporal_is_away(settings: dict[str, str]) -> None:
    process = start(settings)
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        assert "Retrying" in first, first
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=5)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in told


UNUSABLE = [
    ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/nonexistent", "/nonexistent"),
    ("TEMPORAL_PROFILE", "nobody", "nobody"),
    ("TEMPORAL_ADDRESS", "http://[bad", "http://[bad"),
    ("TEMPORAL_ADDRESS", "nowhere", "TEMPORAL_ADDRESS nowhere: it has no port; write host:port"),
    ("PREVIEWS_PRODUCTION_ADDRESSES", "10.0.0.9:7233,nowhere", "PREVIEWS_PRODUCTION_ADDRESSES: Value error, it has no port"),
    ("PREVIEWS_DATABASE_URL_FILE", "", "PREVIEWS_DATABASE_URL_FILE"),
    ("PREVIEWS_DATABASE_URL_FILE", "/no/such/url", "PREVIEWS_DATABASE_URL_FILE: /no/such/url"),
    ("PREVIEWS_DATABASE_CA_FILE", "/no/such/ca", "PREVIEWS_DATABASE_CA_FILE: /no/such/ca"),
    ("PREVIEWS_REGISTRY_CREDENTIALS_FILE", "/no/such/config.json", "PREVIEWS_REGISTRY_CREDENTIALS_FILE: /no/such/config.json"),
    ("PREVIEWS_REGISTRY_CREDENTIALS_FILE", "/dev/null", "PREVIEWS_REGISTRY_CREDENTIALS_FILE: /dev/null: it is no JSON"),
    ("KUBECONFIG", "/no/such/kubeconfig", "/no/such/kubeconfig"),
]
"""Setting, value, and part of what is said."""


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: " ".join(case[:2]))
def test_settings_that_cannot_be_used_are_one_message(
    settings: dict[str, str], case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: loading the worker takes two seconds."""
    name, value, told = case
    for known in {*os.environ, *settings}:
        monkeypatch.delenv(known, raising=False)
    for known, given in (settings | {name: value}).items():
        monkeypatch.setenv(known, given)
    assert worker.main() == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert "hidden" not in error


def test_the_process_ends_with_that_message(settings: dict[str, str]) -> None:
    process = start(settings | {"PREVIEWS_DATABASE_URL_FILE": "/no/such/url"})
    _, error = process.communicate(timeout=20)
    assert process.returncode == 2, error
    assert error.splitlines()[0] == "The settings cannot be used:"
