"""What a person sees while the platform works: one line per finished step, and a sign of life for the long ones."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
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


def together(*actions: Callable[[], None]) -> None:
    """Runs them at the same time. Raises what the first that fails raises, at once: the others end with the process."""
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def attempt(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            ended.put(error)
        else:
            ended.put(None)

    for action in actions:
        threading.Thread(target=attempt, args=(action,), daemon=True).start()
    for _ in actions:
        if (error := ended.get()) is not None:
            raise error


def _sign_of_life(name: str, begun: float, ended: threading.Event) -> None:
    while not ended.wait(PATIENCE):
        say(f"{name} … {time.monotonic() - begun:.0f} s so far")
