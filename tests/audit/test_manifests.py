"""Everything that is deployed passes kube-score and checkov with all their rules, apart from exceptions.yaml, where each has its reason."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tests.audit.scanners import Finding, checkov_findings, kube_score_findings
from tests.golden_cases import CASES, rendered

EXCEPTIONS: Mapping[str, Mapping[str, str]] = yaml.safe_load((Path(__file__).parent / "exceptions.yaml").read_text())
TOGETHER = {
    "shop": ("shop-claim", "shop-workloads", "shop-image-check"),
    "shop-elsewhere": ("shop-claim", "shop-elsewhere-workloads"),
    "forum": ("forum-claim", "forum-workloads"),
    "forum-elsewhere": ("forum-claim", "forum-elsewhere-workloads"),
}
"""What is in one namespace at the same time: pods are scored with the policies that hold for them."""


def stacks() -> dict[str, tuple[str, ...]]:
    alone = CASES.keys() - {case for cases in TOGETHER.values() for case in cases}
    return {**TOGETHER, **{case: (case,) for case in alone}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    folder = tmp_path_factory.mktemp("manifests")
    for name, cases in stacks().items():
        (folder / f"{name}.yaml").write_text("".join(rendered(case) for case in cases))
    return sorted(folder.iterdir())


def each_alone(files: Sequence[Path]) -> set[Finding]:
    """kube-score takes the objects of all its files for one cluster's, and pods of two stacks have the same names."""
    return set().union(*(kube_score_findings([file]) for file in files))


@pytest.mark.parametrize(("scanner", "scan"), [("kube-score", each_alone), ("checkov", checkov_findings)])
def test_the_manifests_pass(files: Sequence[Path], scanner: str, scan: Callable[[Sequence[Path]], set[Finding]]) -> None:
    found = scan(files)
    excepted = EXCEPTIONS[scanner]
    new = [f"{finding.check} {finding.where}: {finding.words}" for finding in sorted(found) if key_of(finding, excepted) is None]
    assert not new, "mend it, or give a reason in exceptions.yaml:\n" + "\n".join(new)
    assert excepted.keys() == {key_of(finding, excepted) for finding in found}, "an exception that nothing needs any more"


def key_of(finding: Finding, excepted: Mapping[str, str]) -> str | None:
    """`check` stands for all objects, `check Kind/name` for one."""
    return next((key for key in (f"{finding.check} {finding.where}", finding.check) if key in excepted), None)
