"""From arguments to exit code."""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from cli import github
from cli.arguments import parser
from cli.exits import Exit, exit_code
from cli.report import as_json, as_text, complain, reporter
from stack.errors import InvalidInputError, PreviewError, UnavailableError
from stack.inputs import (
    DeployWords,
    ExtendWords,
    TeardownWords,
    app_name,
    deploy_request,
    duration,
    extend_request,
    pr_number,
    teardown_request,
)
from stack.models import Deployment, DeployRequest, Outcome, TeardownRequest
from stack.names import namespace_for
from stack.schedules import schedules
from stack.settings import Settings

STACK_FILE = "preview.yaml"
"""Where the stack file is looked for."""

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Call:
    """One command as it was given."""

    options: argparse.Namespace
    settings: Settings
    environment: Mapping[str, str]


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command. Everything that can go wrong has its exit code and one clear message on standard error."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.from_env(environment)
        return COMMANDS[options.command](Call(options, settings, environment))
    except InvalidInputError as error:
        complain("Invalid input, nothing was started:\n" + "\n".join(f"  - {problem}" for problem in error.problems))
        return Exit.INVALID
    except UnavailableError as error:
        complain(str(error))
        return Exit.UNREACHABLE
    except BrokenPipeError:
        raise
    except (PreviewError, OSError) as error:
        complain(str(error))
        return Exit.FAILED


def deploy(call: Call) -> int:
    """Asks for a preview and waits until it is ready, or says why it is not."""
    request, limit = both(lambda: _deploy_request(call), lambda: duration(call.options.timeout, "--timeout"))
    return _request(request, _namespace_of(request, call.settings), limit, call)


def teardown(call: Call) -> int:
    """Asks for the preview to be gone and waits until it is seen gone."""
    words = TeardownWords(call.options.pr, call.options.repo, call.options.requested_at, call.options.reason)
    request, limit = both(
        lambda: teardown_request(words, request_id=_new_id(), now=datetime.now(UTC)), lambda: duration(call.options.timeout, "--timeout")
    )
    return _request(request, named_namespace(request.pr, call.options.app, call.settings), limit, call)


def status(call: Call) -> int:
    """Tells how one preview is. Exit code 0 whatever it is: the question was answered."""
    from cli.looking import status_of  # noqa: PLC0415 (start-up time of deploy)

    pr = pr_number(call.options.pr)
    outcome = asyncio.run(status_of(pr, named_namespace(pr, call.options.app, call.settings), call.settings))
    print(as_text(outcome))
    if call.options.json:
        print(as_json(outcome))
    return Exit.REACHED


def list_previews(call: Call) -> int:
    """Tells about all previews that the production Temporal remembers."""
    from cli.looking import known_previews, listing  # noqa: PLC0415 (start-up time of deploy)

    print(listing(asyncio.run(known_previews(call.settings)), as_object=call.options.json))
    return Exit.REACHED


def render(call: Call) -> int:
    """Prints the objects of the stack. Nothing is started, no cluster is asked."""
    from stack.manifests import render as render_stack  # noqa: PLC0415 (the Kubernetes models take half a second to import)

    request, authority = both(lambda: _deploy_request(call), lambda: _database_authority(call.settings))
    if request.stack is None:
        raise InvalidInputError([f"--stack FILE is missing, and there is no {STACK_FILE} here"])
    print(render_stack(Deployment.model_validate(dict(request)), call.settings, authority), end="")
    return Exit.REACHED


def extend(call: Call) -> int:
    """Gives the preview that is there another expiry. Exit code 0 when its record was changed."""
    options = call.options
    words = ExtendWords(options.pr, options.repo, options.ttl, pin=options.pin, unpin=options.unpin)
    request, limit = both(
        lambda: extend_request(words, request_id=_new_id(), now=datetime.now(UTC)), lambda: duration(options.timeout, "--timeout")
    )
    namespace = named_namespace(request.pr, options.app, call.settings)
    from cli import extending  # noqa: PLC0415 (start-up time of deploy)

    stream = sys.stderr if options.json else sys.stdout
    outcome = asyncio.run(extending.extend(namespace, request, call.settings, limit, reporter(stream)))
    print(as_text(outcome), file=stream)
    if options.json:
        print(as_json(outcome))
    return extending.exit_of(outcome)


def cleanup(call: Call) -> int:
    """Cleans up now and tells what was found. Exit code 1 if an entry failed."""
    limit = duration(call.options.timeout, "--timeout")
    from cli import cleaning  # noqa: PLC0415 (start-up time of deploy)

    report = asyncio.run(cleaning.clean_up(call.settings, limit, dry_run=call.options.dry_run))
    if report is None:
        complain(f"The clean-up is still running after {call.options.timeout}; it goes on.")
        return Exit.RUNNING
    print(cleaning.as_text(report), file=sys.stderr if call.options.json else sys.stdout)
    if call.options.json:
        print(report.model_dump_json())
    return Exit.FAILED if report.count("failed") else Exit.REACHED


def schedule(call: Call) -> int:
    """Makes the schedules of the production Temporal what they should be, or takes them away."""
    from cli import schedules as applied  # noqa: PLC0415 (start-up time of deploy)

    wanted = schedules(call.settings)
    work = applied.apply if call.options.what == "apply" else applied.delete
    print("\n".join(asyncio.run(work(wanted, call.settings))))
    return Exit.REACHED


def codec_server(call: Call) -> int:
    """Decrypts payloads for temporal-ui, for as long as it is let."""
    from gateways import codec_server as codec  # noqa: PLC0415 (start-up time of deploy)

    server = codec.codec_server(call.settings)
    asyncio.run(codec.serve(server, call.settings.codec_listen, lambda address: print(f"listening on {address}", flush=True)))
    return Exit.REACHED


COMMANDS = {
    "deploy": deploy,
    "teardown": teardown,
    "status": status,
    "list": list_previews,
    "render": render,
    "extend": extend,
    "cleanup": cleanup,
    "schedule": schedule,
    "codec-server": codec_server,
}


def named_namespace(pr: int, app: str, settings: Settings) -> str:
    """The preview's namespace where no stack file names the app. Raises InvalidInputError when the template needs it and it is missing."""
    if "{app}" in settings.namespace_template and not app:
        raise InvalidInputError([f"--app is missing: namespaces are named {settings.namespace_template} here"])
    return namespace_for(pr, app and app_name(app, settings.namespace_template), settings.namespace_template)


def _namespace_of(request: DeployRequest, settings: Settings) -> str:
    if request.stack is None and "{app}" in settings.namespace_template:
        raise InvalidInputError([f"--stack FILE is missing: namespaces are named {settings.namespace_template} here"])
    return namespace_for(request.pr, request.stack.app if request.stack else "", settings.namespace_template)


def _database_authority(settings: Settings) -> str | None:
    return readable(path, "PREVIEWS_DATABASE_CA_FILE") if (path := settings.database_ca_file) else None


def _deploy_request(call: Call) -> DeployRequest:
    """Without a stack file here, the worker is to read it."""
    options, name = call.options, call.options.stack or STACK_FILE
    stack = readable(Path(name), "--stack") if options.stack or Path(name).exists() else None
    words = DeployWords(options.pr, options.repo, options.sha, options.image, stack, name, options.requested_at)
    return deploy_request(words, request_id=_new_id(), now=datetime.now(UTC), namespace_template=call.settings.namespace_template)


def readable(path: Path, option: str) -> str:
    """The text of a file. Raises InvalidInputError that names the option."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError([f"{option} {path}: cannot be read ({error.strerror}); it must be the path of a file"]) from None
    except (UnicodeDecodeError, ValueError):
        raise InvalidInputError([f"{option} {str(path)!r}: is not a text file in UTF-8"]) from None


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both values, or one InvalidInputError with the problems of both."""
    problems: list[str] = []
    found: list[Any] = []
    for check in (first, second):
        try:
            found.append(check())
        except InvalidInputError as error:
            problems += error.problems
    if problems:
        raise InvalidInputError(problems)
    return found[0], found[1]


def _request(
    request: DeployRequest | TeardownRequest,
    namespace: str,
    limit: timedelta,
    call: Call,
) -> int:
    started = monotonic()
    stream = sys.stderr if call.options.json else sys.stdout
    tell = reporter(stream)

    async def send_and_follow() -> Outcome:
        from cli.temporal import connect, follow, send  # noqa: PLC0415 (invalid input is told without loading the SDK)

        handle = await send(await connect(call.settings), namespace, request, call.settings.task_queue)
        if call.options.no_wait:
            return Outcome(request_id=request.id, state="running", pr=request.pr, note="handed over")
        return await follow(handle, request, limit, tell)

    outcome = asyncio.run(send_and_follow())
    tell(outcome)
    print(as_text(outcome, monotonic() - started), file=stream)
    if call.options.json:
        print(as_json(outcome))
    github.publish(outcome, call.environment)
    return Exit.REACHED if call.options.no_wait else exit_code(outcome)


def _new_id() -> str:
    return uuid.uuid4().hex
