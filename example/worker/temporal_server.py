"""The shop's Temporal worker: `python temporal_server.py`, configured by environment variables.

Exit codes: 0 stopped by a signal, 1 could not reach Temporal in time or failed, 2 wrongly configured.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from settings import CannotStartError, Settings

READY_FILE = Path("/tmp/ready")

log = logging.getLogger("worker")


def leave_at_once(*_: object) -> None:
    os._exit(0)


def main() -> int:
    # As the first process of a container it would ignore SIGTERM until there is a handler, and the imports take long.
    signal.signal(signal.SIGTERM, leave_at_once)
    # /tmp outlives a container that crashed, and with it the claim that it was ready.
    READY_FILE.unlink(missing_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_env(os.environ)
    except CannotStartError as error:
        log.error("%s", error)
        return 2

    from serving import serve  # noqa: PLC0415  slow: it comes after the handler

    try:
        asyncio.run(serve(settings, READY_FILE))
    except CannotStartError as error:
        log.error("%s", error)
        return 1
    except Exception:
        log.exception("the worker failed")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    # temporalio's threads can crash the interpreter while it finalizes (sdk-python #300), and the code would be lost.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
