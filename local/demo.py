"""`make demo`: pull request 1 of the example gets a preview on the platform that is up, and its addresses are shown to answer."""

import http.client
import json
import os
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from local import example
from local.errors import PlatformError
from local.progress import say
from local.settings import PATHS, PYTHON, Ports
from local.worker import environment

PR = 1
REPOSITORY = "octo/shop"
STARTER = PATHS.checkout / "starter.py"


def main() -> int:
    """Exit code 0 when both addresses answered. Raises PlatformError."""
    begun = time.monotonic()
    images = example.images()
    built = time.monotonic()
    outcome = _deploy(images)
    for url in outcome["urls"].values():
        say(f"{url} answers: {_answer(url)}")
    _tell(outcome, {"images": built - begun, "deploy": time.monotonic() - built})
    return 0


def _deploy(images: list[str]) -> dict[str, Any]:
    words = [
        "--pr",
        str(PR),
        "--repo",
        REPOSITORY,
        "--sha",
        _commit(),
        "--stack",
        str(PATHS.checkout / "example" / "preview.yaml"),
        "--json",
    ]
    command = [str(PYTHON), str(STARTER), "deploy", *words, *[word for image in images for word in ("--image", image)]]
    say(f"starter.py deploy --pr {PR} --repo {REPOSITORY} …")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **environment(Ports.current())})
    if done.returncode:
        raise PlatformError(f"the deploy ended with exit code {done.returncode}; logs are in {PATHS.logs}")
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def _commit() -> str:
    """The commit of this checkout, or zeros where it is no git repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=PATHS.checkout)
    except FileNotFoundError:
        return "0" * 40
    return done.stdout.strip() if done.returncode == 0 else "0" * 40


def _answer(url: str) -> str:
    """Asks as a browser would, which resolves *.localhost by itself; here the address is dialed and the host named."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
    connection.request("GET", "/", headers={"Host": parts.netloc})
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise PlatformError(f"{url} answered {response.status} {response.reason}")
    return f"{response.status} {response.reason}, {len(response.read())} bytes"


def _tell(outcome: dict[str, Any], seconds: dict[str, float]) -> None:
    ports = Ports.current()
    steps = ", ".join(f"{step} {taken:.2f} s" for step, taken in outcome["seconds"].items())
    print(f"""
  page                    {outcome["urls"]["webapp"]}
  its temporal-ui         {outcome["urls"]["temporal_ui"]}
  production temporal-ui  http://127.0.0.1:{ports.temporal_ui}/namespaces/{environment(ports)["TEMPORAL_NAMESPACE"]}

  images {seconds["images"]:.1f} s, deploy {seconds["deploy"]:.1f} s ({steps})

  take it down with:  source .local/env && .venv/bin/python starter.py teardown --pr {PR} --repo {REPOSITORY}
  and the platform:   make down
""")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PlatformError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        sys.exit(1)
