"""Where secrets must not be: marked ones go through all that the product does, and come out nowhere that anybody keeps.

Both the application's secrets (of an env file, then of Doppler) and the installation's own: database passwords, tokens, the payload key.
"""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg.conninfo
import pytest
from temporalio.client import Client

from local.settings import PATHS
from stack.settings import Settings
from tests.e2e import canary
from tests.e2e.canary import Installation, leaks, marked
from tests.e2e.platform import REPOSITORY, Preview, Result, secret, starter
from tests.fakes import doppler

COMMIT, BROKEN = "c0ffee1", "badc0de"
HOME = Settings.from_env({}).home_namespace
CONFIG = ("shop", "dev")
IN_IMAGES = "GREETING_SECRET"
"""The name is in the example's code; the value must not be."""
TELLS_ALL = """
import base64, os, sys, urllib.parse
bird = os.environ["CANARY"]
print("canary", bird, base64.b64encode(bird.encode()).decode(), urllib.parse.quote(os.environ["DATABASE_URL"], safe=""), flush=True)
print("connecting to", os.environ["DATABASE_URL"], flush=True)
raise SystemExit(f"cannot: {os.environ['GREETING_SECRET']} at {os.environ['DATABASE_URL']}")
"""


@dataclass(frozen=True)
class Birds:
    """What the application gets, first from an env file and then from Doppler."""

    file: dict[str, str]
    doppler: dict[str, str]

    @property
    def all(self) -> set[str]:
        return {*self.file.values(), *self.doppler.values()}


@pytest.fixture
def birds() -> Birds:
    file, other = [{name: marked() for name in ("GREETING_SECRET", "CANARY")} for _ in range(2)]
    return Birds(file, other)


@pytest.fixture
async def made(tmp_path: Path, birds: Birds) -> AsyncIterator[Installation]:
    async with doppler.running() as stand_in:
        stand_in.configs[CONFIG] = dict(birds.doppler)
        with canary.installation(f"canary-{os.getpid()}", tmp_path, stand_in, CONFIG) as made:
            yield made


@pytest.fixture
def preview(made: Installation, birds: Birds, new_preview: Callable[[], Preview]) -> Iterator[Preview]:
    """Torn down while the worker of its own is still there."""
    preview = new_preview()
    preview.environment.update(made.environment)
    file = Path(os.environ["PREVIEWS_SECRETS_DIR"]) / f"canary-{preview.pr}.env"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in birds.file.items()))
    preview.stack["secrets"] = {"file": file.name, "as": "env", "required": list(birds.file)}
    yield preview
    file.unlink()


async def test_a_secret_that_is_used_or_shouted_is_kept_nowhere(preview: Preview, made: Installation, birds: Birds) -> None:
    sizes = canary.log_sizes()
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    kept: dict[str, str] = {}
    async with canary.watched(client, f"preview/{preview.namespace}", made) as watch:
        ready = await asyncio.to_thread(preview.deploy, COMMIT)
        assert (ready.code, ready.outcome["state"]) == (0, "ready"), ready
        hidden = secrets_of(made, preview) | birds.all
        kept |= {"objects": canary.everything_but_secrets(preview.namespace), "rendered": output(render(preview))}
        in_pods = canary.processes(of_pods=True)
        tell_all(preview)
        failed = await asyncio.to_thread(preview.deploy, BROKEN)
    assert (failed.code, failed.outcome["diagnosis"]["category"]) == (1, "container-crashes"), failed
    assert "canary *** ***" in failed.outcome["diagnosis"]["detail"], "the log was read, and masked"
    hidden |= canary.secret_values(preview.namespace)
    kept |= {
        "objects after the failure": canary.everything_but_secrets(preview.namespace),
        "status": output(starter("status", "--pr", str(preview.pr), "--json", environment=made.environment)),
        "deploy": output(ready) + output(failed),
        "teardown": output(await asyncio.to_thread(preview.teardown)),
        "clean-up": output(clean_up(made)),
        "objects at home": canary.everything_but_secrets(HOME),
        "processes": "\n".join(watch.processes),
        "open runs": "\n".join(watch.runs),
        "images": canary.image_layers({*hidden, IN_IMAGES}),
        "worker log": made.log.read_text(),
        **canary.said_since(sizes),
    }
    kept["what Temporal keeps"], kept["histories"] = await canary.histories(client, made)
    assert leaks(kept, hidden) == {}
    assert leaks({"Temporal": kept["what Temporal keeps"]}, [COMMIT, BROKEN, "container-crashes", preview.host]) == {}
    assert_the_search_finds(birds, in_pods, kept)


def assert_the_search_finds(birds: Birds, in_pods: str, kept: dict[str, str]) -> None:
    """What is where it may be: otherwise to have found nothing means nothing."""
    assert leaks({"pods": in_pods}, birds.file.values()) == {"pods": list(birds.file.values())}
    assert {"histories", "open runs", "deploy"} <= leaks(kept, [COMMIT]).keys()
    assert "histories" in leaks(kept, ["container-crashes"])
    assert IN_IMAGES in kept["images"]


def secrets_of(made: Installation, preview: Preview) -> set[str]:
    """Of the stack as it is now, and of the installation."""
    values = canary.secret_values(preview.namespace)
    assert secret(preview.namespace, "app-secrets", "CANARY") in values
    return values | {made.payload_key, made.doppler_token, database_password(), cluster_token(), registry_password()}


def database_password() -> str:
    """The deployer's."""
    found = psycopg.conninfo.conninfo_to_dict(Path(os.environ["PREVIEWS_DATABASE_URL_FILE"]).read_text().strip())
    return str(found["password"])


def cluster_token() -> str:
    """The deployer's; what it begins with is no secret."""
    return PATHS.deployer_token.read_text().strip().rpartition(".")[2]


def registry_password() -> str:
    """By which images are pushed and pulled."""
    (entry,) = json.loads(Path(os.environ["PREVIEWS_REGISTRY_CREDENTIALS_FILE"]).read_text())["auths"].values()
    return base64.b64decode(entry["auth"]).decode().partition(":")[2]


def tell_all(preview: Preview) -> None:
    preview.stack["temporal"]["worker"]["command"] = ["python", "-c", TELLS_ALL]
    source = {"project": CONFIG[0], "config": CONFIG[1]}
    preview.stack["secrets"] = {"doppler": source, "as": "env", "required": ["GREETING_SECRET", "CANARY"]}


def render(preview: Preview) -> Result:
    words = ["--pr", str(preview.pr), "--repo", REPOSITORY, "--sha", COMMIT, "--stack", str(preview.folder / f"{preview.namespace}.yaml")]
    result = starter("render", *words, *(word for image in preview.images for word in ("--image", image)), environment=preview.environment)
    assert "kind: Deployment" in result.out, result
    return result


def clean_up(made: Installation) -> Result:
    """Only looks: what it asked for would be left to a worker that is about to end."""
    result = starter("cleanup", "--dry-run", "--json", environment=made.environment)
    assert result.code == 0, result
    return result


def output(result: Result) -> str:
    return result.out + result.err
