"""Keeps a token of the worker's service account in a file, as `python -m local.token`, for as long as the platform is up."""

import time
from typing import NoReturn

from local.cluster import kubectl
from local.commands import write
from local.errors import PlatformError
from local.settings import DEPLOYER_ACCOUNT, DEPLOYER_NAMESPACE, PATHS

LIFE = "1h"
RENEWAL = 20 * 60.0  # seconds: two failed renewals in a row do no harm
RETRY = 1.0  # seconds


def main() -> NoReturn:
    """Says each kind of failure once, in its log."""
    said = ""
    while True:
        try:
            token = kubectl("create", "token", DEPLOYER_ACCOUNT, "-n", DEPLOYER_NAMESPACE, f"--duration={LIFE}", what="get a token")
        except PlatformError as error:
            if str(error) != said:
                print(error, flush=True)
            said = str(error)
            time.sleep(RETRY)
        else:
            write(PATHS.deployer_token, token.strip(), 0o600)
            said = ""
            time.sleep(RENEWAL)


if __name__ == "__main__":
    main()
