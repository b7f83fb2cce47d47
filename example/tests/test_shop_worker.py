"""The worker's own logic: what it pours, how it is configured, when it says that it is ready."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from greetings import Greet, TeaBar, tea_for
from serving import connect, database_problem, keep_ready_file
from settings import CannotStartError, Settings
from shop.signing import is_signed

WORKER = Path(__file__).resolve().parents[1] / "worker"
NOBODY_LISTENS = "127.0.0.1:1"


def test_the_backend_recognizes_what_the_worker_signed() -> None:
    greeting = ActivityEnvironment().run(TeaBar("secret", pr="1", commit="3f2a9c1").pour, "Ada")
    assert greeting.text.startswith("Welcome, Ada!")
    assert (greeting.pr, greeting.commit) == ("1", "3f2a9c1")
    assert is_signed(greeting.text, greeting.signature, "secret")
    assert not is_signed(greeting.text, greeting.signature, "another secret")


def test_a_guest_always_gets_the_same_tea() -> None:
    assert tea_for("Ada") == tea_for("ada")


def test_the_workflow_runs_without_input() -> None:
    assert Greet.run.__defaults__ == ("friend",)


def test_settings_name_everything_that_is_missing_and_hide_secrets() -> None:
    with pytest.raises(CannotStartError, match="TEMPORAL_SERVER_ADDRESS, GREETING_SECRET"):
        Settings.from_env({})
    settings = Settings.from_env({"TEMPORAL_SERVER_ADDRESS": "temporal:7233", "GREETING_SECRET": "hidden"})
    assert "hidden" not in repr(settings)


async def test_a_temporal_that_never_answers_ends_the_wait_with_its_address() -> None:
    with pytest.raises(CannotStartError, match=f"Temporal at {NOBODY_LISTENS} did not answer within 0.3 s"):
        await connect(NOBODY_LISTENS, wait=0.3)


async def test_a_database_that_refuses_is_a_problem_and_none_is_not() -> None:
    assert "does not answer" in str(await database_problem(f"postgresql://shop@{NOBODY_LISTENS}/shop"))
    assert await database_problem(None) is None


async def test_the_ready_file_follows_the_problems(tmp_path: Path) -> None:
    file, problems = tmp_path / "ready", iter(["no pollers", None])
    seen: list[bool] = []

    async def find() -> str | None:
        seen.append(file.exists())
        return next(problems)

    keeping = asyncio.create_task(keep_ready_file(file, find))
    while not file.exists():
        await asyncio.sleep(0.01)
    keeping.cancel()
    assert seen == [False, False]


@pytest.mark.parametrize(
    ("env", "code", "says"),
    [
        ({}, 2, "TEMPORAL_SERVER_ADDRESS, GREETING_SECRET"),
        (
            {"TEMPORAL_SERVER_ADDRESS": NOBODY_LISTENS, "GREETING_SECRET": "s", "TEMPORAL_WAIT_SECONDS": "0.2"},
            1,
            "waiting for Temporal at 127.0.0.1:1",
        ),
    ],
    ids=["not configured", "no Temporal"],
)
def test_the_process_says_why_it_cannot_start(env: dict[str, str], code: int, says: str) -> None:
    run = subprocess.run(
        [sys.executable, "temporal_server.py"],
        cwd=WORKER,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert run.returncode == code
    assert says in run.stderr
