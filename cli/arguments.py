"""The command line as argparse sees it. Values stay text here: what they mean is checked in one place, all at once (stack/inputs.py)."""

import argparse


def parser() -> argparse.ArgumentParser:
    """deploy, teardown, status, list, render, extend, cleanup, schedule, codec-server."""
    root = argparse.ArgumentParser(
        prog="starter.py",
        description="Every pull request gets its own running copy of the application, and loses it again.",
        epilog="Exit codes: 0 reached, 1 failed, 2 invalid input, 3 Temporal unreachable, 4 superseded, 5 still running at the timeout.",
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    deploy = commands.add_parser("deploy", help="make a pull request's preview be of this commit")
    _deploy_options(deploy)
    _waiting_options(deploy)
    teardown = commands.add_parser("teardown", help="take a pull request's preview away")
    _identity_options(teardown)
    teardown.add_argument("--app", default="", help="name of the app, if the namespace template has {app} in it")
    teardown.add_argument("--reason", default="closed", help="why, for operators (default: closed)")
    _waiting_options(teardown)
    status = commands.add_parser("status", help="how one preview is")
    status.add_argument("--pr", required=True, metavar="N")
    status.add_argument("--app", default="", help="name of the app, if the namespace template has {app} in it")
    _json_option(status)
    _json_option(commands.add_parser("list", help="all previews that are known"))
    _deploy_options(commands.add_parser("render", help="print the objects that deploy would apply, as YAML"))
    _extend_options(commands.add_parser("extend", help="let a preview live longer, or pin it"))
    cleanup = commands.add_parser("cleanup", help="ask now for what is expired, closed or orphaned to be taken away")
    cleanup.add_argument("--dry-run", action="store_true", help="only print what would be done")
    _patience_option(cleanup)
    _json_option(cleanup)
    schedule = commands.add_parser("schedule", help="what Temporal starts by itself: the clean-up")
    schedule.add_argument("what", choices=["apply", "delete"], help="make it so, or take it away; both may be repeated")
    commands.add_parser("codec-server", help="decrypt for temporal-ui what Temporal keeps encrypted, until SIGTERM")
    return root


def _extend_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pr", required=True, metavar="N", help="number of the pull request")
    command.add_argument("--repo", required=True, metavar="OWNER/NAME", help="repository of the pull request")
    command.add_argument("--app", default="", help="name of the app, if the namespace template has {app} in it")
    command.add_argument("--ttl", metavar="D", help="it expires so long from now on, such as 12h or 7d")
    command.add_argument("--pin", action="store_true", help="it never expires")
    command.add_argument("--unpin", action="store_true", help="it expires again, when it would have without the pin")
    _patience_option(command)
    _json_option(command)


def _identity_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pr", required=True, metavar="N", help="number of the pull request")
    command.add_argument("--repo", required=True, metavar="OWNER/NAME", help="repository of the pull request")
    command.add_argument("--requested-at", metavar="TIME", help="time that the forge gave the event, ISO 8601 with zone (default: now)")


def _deploy_options(command: argparse.ArgumentParser) -> None:
    _identity_options(command)
    command.add_argument("--sha", required=True, metavar="COMMIT", help="commit, 7 to 64 hexadecimal digits")
    command.add_argument("--image", action="append", default=[], metavar="NAME=REF", help="an image of the stack file; once for each")
    command.add_argument(
        "--stack",
        metavar="FILE",
        help="the stack file (default: preview.yaml, if there is one); a worker that knows the forge goes by that of the base branch",
    )


def _waiting_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--no-wait", action="store_true", help="return as soon as the request is handed over (exit 0)")
    _patience_option(command)
    _json_option(command)


def _patience_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--timeout", default="30m", metavar="D", help="how long to wait, such as 90s or 10m (default: 30m)")


def _json_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
