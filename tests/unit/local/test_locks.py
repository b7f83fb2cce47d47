"""Proves whose platform counts as nobody's any more."""

from pathlib import Path

import pytest

from local import family, locks, platform
from local.errors import PlatformError
from local.locks import Owner


def test_a_platform_is_an_orphan_only_when_its_checkout_is_gone(tmp_path: Path) -> None:
    assert not Owner(tmp_path, 7).is_orphan
    assert Owner(tmp_path / "gone", 7).is_orphan


def test_a_platform_that_has_yet_to_sign_is_not_an_orphan() -> None:
    assert not Owner(Path("a checkout that is just starting"), 0).is_orphan


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The checkout that holds the machine; not ours, and still to be made."""
    monkeypatch.setattr(locks, "owner", lambda: Owner(tmp_path / "other", 7))
    return tmp_path / "other"


def test_up_ends_the_platform_of_a_checkout_that_is_gone(
    holder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(family, "end", ended.append)
    assert not platform._is_ours_running()
    assert ended == [7]
    assert str(holder) in capsys.readouterr().out


def test_up_refuses_while_another_checkout_is_there(holder: Path) -> None:
    holder.mkdir()
    with pytest.raises(PlatformError, match="room for one"):
        platform._is_ours_running()
