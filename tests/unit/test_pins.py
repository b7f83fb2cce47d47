"""What is installed is what was looked at: each dependency has a version and a digest, and no file says where it is downloaded from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".venv", ".local", "node_modules"}


def files(pattern: str) -> list[Path]:
    return sorted(path for path in ROOT.rglob(pattern) if not SKIPPED & set(path.relative_to(ROOT).parts))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files("requirements*.txt"), ids=name)
def test_every_python_package_has_a_version_and_digests(path: Path) -> None:
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z0-9,._-]+\])?==\S+( ;.*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry), entry[:80]


@pytest.mark.parametrize("path", files("package-lock.json"), ids=name)
def test_every_npm_package_has_a_digest_and_no_address(path: Path) -> None:
    packages = {where: package for where, package in json.loads(path.read_text())["packages"].items() if where}
    assert packages
    assert not [where for where, package in packages.items() if not package["integrity"].startswith("sha512-")]
    assert not [where for where, package in packages.items() if "resolved" in package]


@pytest.mark.parametrize("path", files("go.mod"), ids=name)
def test_every_go_module_has_a_digest(path: Path) -> None:
    text = path.read_text()
    needed = set(re.findall(r"^\s*(?:require )?(\S+\.\S+/\S+|\S+\.\S+) (v\S+)", text, re.MULTILINE))
    replaced = {module for module, _ in re.findall(r"^\s*(?:replace )?(\S+)(?: v\S+)? => (\S+)", text, re.MULTILINE)}
    sums = path.with_name("go.sum").read_text() if needed else ""
    assert not [module for module, version in needed if module not in replaced and f"{module} {version}" not in sums]


@pytest.mark.parametrize("path", [*files("requirements*.txt"), *files("package-lock.json"), *files("go.mod"), *files("go.sum")], ids=name)
def test_no_lock_file_names_a_server(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#") and '"url":' not in line]
    assert not [line for line in lines if re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", line)]
