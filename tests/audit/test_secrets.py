"""Nothing that looks like a secret is in the tree or in the history, apart from the values of tests that allowed_secrets.yaml lists."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from local.commands import run
from tests.audit.committed import write_all_lines
from tests.audit.tools import python_tool

ALLOWED: Final = Path(__file__).parent / "allowed_secrets.yaml"
HISTORIES: Final = "tests/replay/histories"
"""Payloads of Temporal in base64, and identifiers: that something there looks random says nothing. All other rules hold for them, and that
no secret is in a payload is what tests/e2e/test_secrets.py proves."""
ENTROPY: Final = ("--disable-plugin", "Base64HighEntropyString", "--disable-plugin", "HexHighEntropyString")
DIGITS: Final = 12
PINNED: Final = r"\bhash=sha256:[0-9a-f]{64}"
"""In lines with the digest of a package; the scanner may take several lines for one, so it cannot be asked for the whole of it."""


def test_nothing_that_looks_like_a_secret_was_ever_committed(tmp_path: Path) -> None:
    write_all_lines(tmp_path)
    found = set(scan(tmp_path, "--exclude-files", f"^{HISTORIES}/")) | set(scan(tmp_path / HISTORIES, *ENTROPY, below=HISTORIES))
    allowed = {(path, entry) for path, entries in yaml.safe_load(ALLOWED.read_text()).items() for entry in entries}
    new = [f"{path}: [{entry}]" for path, entry in sorted(found - allowed)]
    assert not new, "a secret must be revoked, it stays in the history; what is none goes into allowed_secrets.yaml:\n" + "\n".join(new)
    assert not allowed - found, "allowed, and not there any more"


def test_the_scan_finds_what_was_committed_and_what_will_be(tmp_path: Path) -> None:
    """The control: a key that a cloud gives, made up here."""
    (tmp_path / "settings.py").write_text("key = '" + "AKIA" + "IOSFODNN7EXAMPL3" + "'\n")
    assert [path for path, _ in scan(tmp_path)] == ["settings.py"]


def scan(folder: Path, *options: str, below: str = "") -> Iterator[tuple[str, str]]:
    """(path, kind and the beginning of the value's digest). The value itself is shown nowhere."""
    command: Sequence[object] = python_tool("detect_secrets", "scan", "--all-files", "--no-verify", "--exclude-lines", PINNED, *options)
    results: Mapping[str, list[dict[str, Any]]] = json.loads(run(command, what="scan for secrets", cwd=folder))["results"]
    for path, secrets in results.items():
        for secret in secrets:
            yield str(Path(below) / path), f"{secret['type']} {secret['hashed_secret'][:DIGITS]}"
