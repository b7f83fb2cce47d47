"""What `make audit` lets stay can be read before that job runs: a file that cannot be parsed would let nothing stay, unnoticed."""

from pathlib import Path

import yaml

AUDIT = Path(__file__).parents[1] / "audit"


def test_every_exception_has_a_reason() -> None:
    for scanner, reasons in yaml.safe_load((AUDIT / "exceptions.yaml").read_text()).items():
        assert scanner in {"kube-score", "checkov"}
        assert [check for check, reason in reasons.items() if len(reason.split()) < 5] == []


def test_every_allowed_value_is_of_a_file() -> None:
    allowed = yaml.safe_load((AUDIT / "allowed_secrets.yaml").read_text())
    assert all(isinstance(path, str) and entries and all(isinstance(entry, str) for entry in entries) for path, entries in allowed.items())
