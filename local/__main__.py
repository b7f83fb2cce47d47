"""`python -m local COMMAND`: the local platform, for the Makefile and for people."""

import argparse
import os
import sys

from local import checks, example, platform
from local.errors import PlatformError

COMMANDS = {
    "up": "make the platform work, whatever the state before",
    "down": "stop everything; the databases and the cluster stay in .local/state",
    "purge": "stop everything and remove .local; what was built stays in the user's cache",
    "status": "what runs",
    "build": "make programs and images without starting anything",
    "example": "build the example's images, push them, and print their names",
}
HARMLESS = ("status",)  # the others change something


def main() -> int:
    """Exit codes: 0 done, 1 failed with a message, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", metavar="COMMAND", help="; ".join(f"{name}: {text}" for name, text in COMMANDS.items()))
    arguments = parser.parse_args()
    try:
        return _dispatch(arguments.command)
    except PlatformError as error:
        print(f"\n{arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{arguments.command}: interrupted; `make up` goes on where this stopped, `make down` stops what runs", file=sys.stderr)
        return 130


def _dispatch(command: str) -> int:
    if command in COMMANDS and command not in HARMLESS:
        checks.check_root()
    match command:
        case "up":
            platform.up()
        case "down":
            platform.down()
        case "purge":
            platform.purge()
        case "status":
            return 0 if platform.status() else 1
        case "build":
            platform.build()
        case "example":
            print("\n".join(example.images()))
        case _:
            raise PlatformError(f"there is no such command; there are {', '.join(COMMANDS)}")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # `up` speaks to Temporal, whose SDK can crash an interpreter that is finalizing (temporalio/sdk-python#300).
    os._exit(code)
