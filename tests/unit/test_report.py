"""Proves that people and programs are told how long an update left a preview without its Temporal."""

import json
from datetime import UTC, datetime

from cli.report import as_json, as_text
from stack.models import Outcome

UNTIL = datetime(2026, 5, 7, 12, tzinfo=UTC)
UPDATED = Outcome(request_id="r1", state="ready", pr=7, temporal_away=4.203, expires_at=UNTIL)


def test_an_update_that_took_temporal_away_says_for_how_long() -> None:
    assert "  temporal was away 4.2 s" in as_text(UPDATED).splitlines()
    assert json.loads(as_json(UPDATED))["temporal_away"] == 4.203


def test_an_update_that_left_temporal_alone_says_nothing_of_it() -> None:
    kept = UPDATED.model_copy(update={"temporal_away": None})
    assert "away" not in as_text(kept)
    assert json.loads(as_json(kept))["temporal_away"] is None


def test_programs_are_told_until_when_a_preview_lives() -> None:
    assert datetime.fromisoformat(json.loads(as_json(UPDATED))["expires_at"]) == UNTIL
