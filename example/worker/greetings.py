"""The workflow and the activity behind the shop's greeting."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

TASK_QUEUE = "default"
TEAS = ("Jasmine Pearl", "Smoky Lapsang", "Morning Assam", "Wild Rooibos", "First Flush Darjeeling", "Genmaicha")


@dataclass(frozen=True)
class Greeting:
    """The backend has a class with the same fields."""

    text: str
    tea: str
    signature: str  # HMAC-SHA256 of the text, hexadecimal
    pr: str | None = None
    commit: str | None = None


@dataclass(frozen=True)
class TeaBar:
    """Pours tea in the name of one commit: what it makes shows which worker made it."""

    secret: str
    pr: str | None = None
    commit: str | None = None

    @activity.defn
    def pour(self, name: str) -> Greeting:
        tea = tea_for(name)
        text = f"Welcome, {name}! Your cup of {tea} is ready."
        return Greeting(text, tea, sign(text, self.secret), self.pr, self.commit)


@workflow.defn
class Greet:
    """Greets one visitor. The default lets it run without input, to see that a preview works."""

    @workflow.run
    async def run(self, name: str = "friend") -> Greeting:
        return await workflow.execute_activity_method(
            TeaBar.pour,
            name,
            start_to_close_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary=f"Pour tea for {name}",
        )


def tea_for(name: str) -> str:
    """Always the same tea for the same name, whichever process is asked."""
    return TEAS[hashlib.sha256(name.lower().encode()).digest()[0] % len(TEAS)]


def sign(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
