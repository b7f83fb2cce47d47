"""Asks the public databases for known vulnerabilities of what this project is built from: the end of `make audit`.

A database that does not answer, or does not know a package, is said and counts as a failure: what was not checked has not passed.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from local.bases import node_js
from local.errors import PlatformError
from tests.audit.committed import ROOT
from tests.audit.tools import python_tool

PYTHON: Final = ("requirements.txt", "tests/audit/requirements.txt", "example/webapp/requirements.txt", "example/worker/requirements.txt")
NPM: Final = ("example/webapp/frontend",)
LONGEST: Final = 600


class NotChecked(Exception):  # noqa: N818 (it says what happened)
    """The database could not be asked; the message is why."""


def main() -> int:
    checks: dict[str, Callable[[Path], list[str]]] = {**dict.fromkeys(PYTHON, python_advisories), **dict.fromkeys(NPM, npm_advisories)}
    return max(report(name, check) for name, check in checks.items())


def report(name: str, check: Callable[[Path], list[str]]) -> int:
    """Prints what is known of one file or folder. 0 if it was checked and nothing is known."""
    try:
        found = check(ROOT / name)
    except (NotChecked, PlatformError) as reason:
        print(f"{name}: NOT CHECKED: {reason}")
        return 1
    print(f"{name}: {'no known vulnerability' if not found else ''}", *(f"  {each}" for each in found), sep="\n" if found else "")
    return 1 if found else 0


def python_advisories(requirements: Path) -> list[str]:
    """Of every pinned package, by PyPI's own database."""
    command = python_tool("pip_audit", "--requirement", requirements, "--disable-pip", "--require-hashes", "--format", "json")
    packages = answer(command, ROOT).get("dependencies", [])
    if unknown := [package["name"] for package in packages if "skip_reason" in package]:
        raise NotChecked(f"the database knows nothing of {len(unknown)} of {len(packages)} packages, such as {unknown[0]}")
    return [f"{package['name']} {package['version']}: {vuln['id']}" for package in packages for vuln in package["vulns"]]


def npm_advisories(folder: Path) -> list[str]:
    """Of the lock file, by the database behind the registry."""
    home = node_js()
    npm = [home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    answered = answer([*npm, "audit", "--package-lock-only", "--json"], folder)
    if "vulnerabilities" not in answered:
        raise NotChecked(f"the registry answered: {answered.get('message') or answered.get('error')}")
    return [f"{name}: {vuln['severity']}" for name, vuln in answered["vulnerabilities"].items()]


def answer(command: Any, folder: Path) -> Mapping[str, Any]:
    """What the tool says as JSON, which ends with 1 when it has found something."""
    try:
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=LONGEST)
        answered: Mapping[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise NotChecked(f"no answer within {LONGEST} s") from None
    except json.JSONDecodeError:
        raise NotChecked((done.stderr.strip() or "no answer").splitlines()[-1][:300]) from None
    return answered


if __name__ == "__main__":
    sys.exit(main())
