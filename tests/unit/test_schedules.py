"""What Temporal starts by itself, and the settings that say how often and what the forge is."""

from datetime import timedelta
from pathlib import Path

import pytest

from stack.errors import InvalidInputError
from stack.schedules import Scheduled, schedules
from stack.settings import Settings


def the_cleanup(**environment: str) -> Scheduled:
    (scheduled,) = schedules(Settings.from_env({f"PREVIEWS_{name.upper()}": value for name, value in environment.items()}))
    return scheduled


def test_the_clean_up_is_started_every_quarter_of_an_hour_and_made_up_for_only_shortly_after() -> None:
    found = the_cleanup()
    assert (found.id, found.workflow) == ("cleanup-stale-previews", "CleanupStalePreviews")
    assert (found.every, found.catch_up) == (timedelta(minutes=15), timedelta(minutes=10))


def test_an_installation_says_how_often() -> None:
    assert the_cleanup(cleanup_every="1h30m").every == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup_every", "59s"),
        ("cleanup_every", "25h"),
        ("cleanup_every", "often"),
        ("forge_url", "api.github.com"),
        ("forge_url", "ftp://api.github.com"),
        ("forge_url", "https://user:password@api.github.com"),
        ("forge_url", "https://api.github.com/?q"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInputError, match=f"PREVIEWS_{name.upper()}") as caught:
        the_cleanup(**{name: value})
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://api.github.com", "https://github.example.com/api/v3", "http://127.0.0.1:8080/"])
def test_the_forge_can_be_another_one(url: str) -> None:
    settings = Settings.from_env({"PREVIEWS_FORGE_URL": url, "PREVIEWS_FORGE_TOKEN_FILE": "/run/secrets/forge"})
    assert (settings.forge_url, settings.forge_token_file) == (url, Path("/run/secrets/forge"))
