"""What kube-score and checkov say of manifests, as findings that can be compared."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.settings import KUBERNETES
from tests.audit.tools import kube_score, python_tool


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that a scanner does not like at one object."""

    scanner: str
    check: str
    """The scanner's own name of the rule."""
    where: str
    """Kind/name."""
    words: str


def kube_score_findings(files: Sequence[Path]) -> set[Finding]:
    """Every rule there is counts, the optional ones too, and no annotation in the manifests turns one off."""
    options = ("--all-default-optional", "--disable-ignore-checks-annotations", "--kubernetes-version", f"v{KUBERNETES.rpartition('.')[0]}")
    found = _json(kube_score(), "score", *options, "--output-format", "json", *files)
    return {
        Finding("kube-score", check["check"]["id"], _place(scored["object_name"]), f"{remark['path']}: {remark['summary']}")
        for scored in found
        for check in scored["checks"]
        for remark in check["comments"] or []
        if not check["skipped"]
    }


def _place(name: str) -> str:
    """`Deployment/apps/v1/pr-1/temporal` and `Deployment/pr-1/temporal` → `Deployment/temporal`."""
    kind, *_, last = name.split("/")
    return f"{kind}/{last}"


def checkov_findings(files: Sequence[Path]) -> set[Finding]:
    """`--skip-download`: its rules are in the package, and the service behind it is not needed."""
    given = [word for file in files for word in ("--file", file)]
    found = _json(*python_tool("checkov.main", "--framework", "kubernetes", "--skip-download", "--output", "json", *given))
    results = found if isinstance(found, list) else [found]
    assert all(result["summary"]["parsing_errors"] == 0 for result in results)
    assert sum(result["summary"]["passed"] for result in results) > 0
    return {
        Finding("checkov", check["check_id"], _place(check["resource"].replace(".", "/")), check["check_name"])
        for result in results
        for check in result["results"]["failed_checks"]
    }


def _json(*command: object) -> Any:
    """Scanners end with 1 when they find something."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=600)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}") from None
