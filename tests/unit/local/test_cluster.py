"""Proves that `up` takes the deployer for confined only when it is the policy that refuses."""

import pytest

from local import cluster
from local.errors import PlatformError

BY_POLICY = (
    "namespaces \"of-no-preview\" is forbidden: ValidatingAdmissionPolicy 'temporal-previews-deployer' denied request: it has no name"
)


@pytest.mark.parametrize(
    ("refusal", "confined"),
    [
        pytest.param(BY_POLICY, True, id="the policy refuses"),
        pytest.param("namespaces is forbidden: User cannot create resource", False, id="only its rights refuse"),
        pytest.param("The connection to the server was refused", False, id="nobody answers"),
        pytest.param(None, False, id="nothing refuses"),
    ],
)
def test_the_deployer_is_confined(refusal: str | None, confined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def kubectl(*arguments: object, what: str) -> str:
        assert "--dry-run=server" in arguments, "whatever the answer, nothing is made"
        if refusal is not None:
            raise PlatformError(refusal)
        return ""

    monkeypatch.setattr(cluster, "kubectl", kubectl)
    assert cluster._deployer_confined() is confined
