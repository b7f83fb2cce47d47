"""Keeps the history of a run for the replay ring: `python -m tests.replay.record NAME WORKFLOW_ID [RUN_ID]`, TEMPORAL_* in the environment.

Payloads hold names of secrets only, but identities name the machine they were made on: they are taken out.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from cli.temporal import connect
from stack.settings import Settings

FOLDER = Path(__file__).parent / "histories"


async def record(name: str, workflow_id: str, run_id: str | None) -> None:
    """Writes histories/NAME.json."""
    handle = (await connect(Settings.from_env(os.environ))).get_workflow_handle(workflow_id, run_id=run_id)
    history = json.loads((await handle.fetch_history()).to_json())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(_anonymous(history), indent=1) + "\n")


def _anonymous(value: Any) -> Any:
    if isinstance(value, dict):
        sticky = value.get("kind") == "TASK_QUEUE_KIND_STICKY"
        unkept = {"identity", "stackTrace"} | ({"name"} if sticky else set())
        return {key: "" if key in unkept else _anonymous(item) for key, item in value.items()}
    return [_anonymous(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:3], sys.argv[3] if len(sys.argv) > 3 else None))
    os._exit(0)  # see starter.py
