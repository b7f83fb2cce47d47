"""`starter.py extend`: another expiry for the preview that is there now."""

import asyncio
from datetime import timedelta

from cli.exits import Exit, exit_code
from cli.looking import status_of
from cli.report import Reporter
from cli.temporal import connect, follow, send
from stack.extension import is_expiry_note
from stack.models import ExtendRequest, Outcome
from stack.settings import Settings

LOOKS = 20
PAUSE_SECONDS = 0.5
"""Between looks at a preview whose request is just being accepted."""


async def extend(namespace: str, request: ExtendRequest, settings: Settings, patience: timedelta, tell: Reporter) -> Outcome:
    """Names the generation that is accepted now, so that what is accepted in between is not touched."""
    current = await _accepted(namespace, request.pr, settings)
    if current.generation == 0:
        note = f"nothing is known of it that could be extended: {current.state}" + (f", {current.note}" if current.note else "")
        return Outcome(request_id=request.id, state="superseded", pr=request.pr, note=note)
    named = request.model_copy(update={"generation": current.generation})
    return await follow(await send(await connect(settings), namespace, named, settings.task_queue), named, patience, tell)


async def _accepted(namespace: str, pr: int, settings: Settings) -> Outcome:
    for _ in range(LOOKS):
        current = await status_of(pr, namespace, settings)
        if current.generation or current.state != "running":
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return current


def exit_of(outcome: Outcome) -> Exit:
    """0 when the record was changed, however the preview itself is; 4 when the extension did not count."""
    if is_expiry_note(outcome.note):
        return Exit.REACHED
    return Exit.FAILED if outcome.state in {"ready", "gone"} else exit_code(outcome)
