"""The command line: asks the production Temporal to deploy or take away previews, follows the work and tells how it ended."""

import os
import sys

from cli.exits import Exit
from cli.main import main

if __name__ == "__main__":
    try:
        code = main(sys.argv[1:], os.environ)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # whoever read our output has had enough, as `head` does
        code = Exit.FAILED
    # Not sys.exit: a thread of the Temporal SDK can crash an interpreter that is finalizing (temporalio/sdk-python#300),
    # and CI would see a false failure.
    os._exit(code)
