"""Upkeep by the command line: extensions, clean-ups, schedules. No server is asked."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cli import cleaning
from cli.cleaning import as_text as cleanup_text
from cli.exits import Exit
from cli.extending import exit_of
from cli.main import main
from cli.report import as_json, as_text
from stack.cleanup import Action, Category, Entry, Line, Report, Seen
from stack.models import Outcome
from stack.settings import Settings
from tests.unit.test_command_line import FAILED, GONE, READY

EXTEND = ["extend", "--pr", "1", "--repo", "octo/shop"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], ["give one of --ttl, --pin and --unpin, not none"]),
        (["--pin", "--unpin"], ["not --pin and --unpin"]),
        (["--ttl", "1h", "--pin"], ["not --ttl 1h and --pin"]),
        (["--ttl", "0s"], ["--ttl '0s'"]),
        (["--ttl", "90d1s"], ["--ttl '90d1s'", "at most 90d"]),
        (["--ttl", ""], ["--ttl ''"]),
        (["--ttl=-1h"], ["--ttl '-1h'"]),
        (["--ttl", "tomorrow"], ["--ttl 'tomorrow'"]),
        (
            ["--pr", "x", "--repo", "shop", "--ttl", "soon", "--unpin", "--timeout", "never"],
            ["--pr x", "--repo shop", "not --ttl soon and --unpin", "--ttl 'soon'", "--timeout 'never'"],
        ),
    ],
)
def test_an_extension_that_makes_no_sense_is_told_whole_and_not_sent(
    words: list[str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*EXTEND, *words], {}) == Exit.INVALID
    error = capsys.readouterr().err
    assert all(text in error for text in told), error


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (READY.model_copy(update={"note": "pinned: it never expires"}), Exit.REACHED),
        (FAILED.model_copy(update={"note": "expires at 2026-05-01 12:00 UTC"}), Exit.REACHED),
        (Outcome(request_id="r", state="running", pr=7, note="never expires"), Exit.REACHED),
        (Outcome(request_id="r", state="superseded", pr=7, note="it meant generation 1"), Exit.SUPERSEDED),
        (FAILED, Exit.FAILED),
        (READY, Exit.FAILED),
        (Outcome(request_id="r", state="failed", pr=7, note="the run ended: terminated"), Exit.FAILED),
        (Outcome(request_id="r", state="running", pr=7, note="queued"), Exit.RUNNING),
    ],
)
def test_an_extension_is_judged_by_itself_and_not_by_the_preview(outcome: Outcome, code: Exit) -> None:
    assert exit_of(outcome) == code


def test_until_when_a_preview_lives_is_told() -> None:
    until = READY.model_copy(update={"expires_at": datetime(2026, 5, 4, 18, 30, tzinfo=UTC)})
    assert "  expires      2026-05-04 18:30 UTC" in as_text(until).splitlines()
    assert json.loads(as_json(until))["expires_at"] == "2026-05-04T18:30:00Z"
    assert "  expires      never: it is pinned" in as_text(READY).splitlines()
    assert "expires" not in as_text(GONE) + as_text(FAILED)


ENTRY = Entry(namespace="pr-7", category=Category.EXPIRED, action=Action.TEARDOWN, generation=3, why="expired at noon")
REPORT = Report(
    dry_run=False,
    seen=Seen(records=5, namespaces=4, databases=12, runs=1, asked=2),
    lines=(Line(entry=ENTRY, fate="requested"), Line(entry=ENTRY, fate="failed", note="no right")),
    postponed=3,
    problems=("pr-8 is odd",),
    unasked=("pr-9: 503",),
)


def test_a_clean_up_is_told_as_a_table() -> None:
    assert cleanup_text(REPORT).splitlines() == [
        "Looked at 5 records, 4 namespaces, 12 databases and roles, 1 open runs; the forge told of 2 pull requests",
        "NAMESPACE  WHY      ACTION    RESULT",
        "pr-7       expired  teardown  requested  expired at noon",
        "pr-7       expired  teardown  failed     no right",
        "3 more are left for the next run.",
        "  ! pr-8 is odd",
        "  ! pr-9: 503",
    ]


@pytest.mark.parametrize(
    ("report", "code"),
    [(REPORT, Exit.FAILED), (REPORT.model_copy(update={"lines": REPORT.lines[:1]}), Exit.REACHED), (None, Exit.RUNNING)],
)
def test_a_clean_up_fails_if_an_entry_did(
    report: Report | None, code: Exit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[bool] = []

    async def clean_up(settings: Settings, patience: timedelta, *, dry_run: bool) -> Report | None:
        asked.append(dry_run)
        return report

    monkeypatch.setattr(cleaning, "clean_up", clean_up)
    assert main(["cleanup", "--dry-run", "--json"], {}) == code
    assert asked == [True]
    if report is not None:
        assert Report.model_validate_json(capsys.readouterr().out.splitlines()[-1]) == report


@pytest.mark.parametrize("words", [["cleanup"], ["schedule", "apply"], ["schedule", "delete"], [*EXTEND, "--pin"]])
def test_every_command_says_that_temporal_is_away(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert main(words, {}) == Exit.UNREACHABLE
