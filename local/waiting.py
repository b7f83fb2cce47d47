"""Waits for something to become true."""

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path

from local.commands import run
from local.errors import PlatformError, failed
from local.settings import PATHS

POLL = 0.1  # seconds
ADDRESS_SECONDS = 60.0  # the host's address on the link to the node appears when the node starts
AFRESH = "`make down && make up` starts everything afresh and keeps the data."


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """True as soon as `true()` is; False when `seconds` have passed."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(POLL)
    return True


def require(true: Callable[[], bool], seconds: float, what: str, log: Path | None = None) -> None:
    """Raises PlatformError, with the end of the log, when `what` has not come true in time."""
    if wait_until(true, seconds):
        return
    message = f"{what}: not after {seconds:.0f} s"
    raise failed(message, log, AFRESH) if log else PlatformError(f"{message}. {AFRESH}")


def await_address(address: str) -> None:
    """For a server that listens at an address of this machine and nowhere else. Raises PlatformError."""
    if not wait_until(lambda: address in run(["ip", "-4", "-oneline", "addr"], what="list addresses"), ADDRESS_SECONDS):
        raise PlatformError(f"the address {address} did not appear: see {PATHS.logs / 'node.log'}")


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether a TCP connection is accepted."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def http_status(host: str, port: int, path: str = "/", timeout: float = 2.0) -> int | None:
    """The status that a GET is answered with; None when there is no answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
