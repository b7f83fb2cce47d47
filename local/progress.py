"""What a person sees while the platform works: one line per finished step, and a sign of life for the long ones."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 20.0  # seconds after which a step that still runs says so

_started = time.monotonic()
_lock = threading.Lock()


def say(text: str) -> None:
    """One line, with the seconds since the command started."""
    with _lock:
        print(f"{time.monotonic() - _started:6.1f} s  {text}", flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says `name` with its duration when the block ends well, and every PATIENCE seconds that it is still going."""
    begun = time.monotonic()
    ended = threading.Event()
    threading.Thread(target=_sign_of_life, args=(name, begun, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
    say(f"{name} ({time.monotonic() - begun:.1f} s)")


def _sign_of_life(name: str, begun: float, ended: threading.Event) -> None:
    while not ended.wait(PATIENCE):
        say(f"{name} … {time.monotonic() - begun:.0f} s so far")
