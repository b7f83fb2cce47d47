"""The processes of the platform, as data, and how supervisord is told about them.

Two supervisord: the platform's, first process of a PID namespace of its own, and inside it the node's, first process of another.
Whoever kills one kills everything below it, and nothing can be left over.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.settings import PATHS, PYTHON, SYSTEM_PATH


@dataclass(frozen=True)
class Program:
    """One process that supervisord starts, logs to `.local/logs/<name>.log` and starts again when it dies."""

    name: str
    command: Sequence[object]
    order: int
    """Low ones start first and stop last."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    automatic: bool = True
    """False: `up` starts it when what it needs is there."""

    def section(self) -> str:
        log = PATHS.logs / f"{self.name}.log"
        lines = {
            "command": " ".join(_word(str(word)) for word in self.command),
            "directory": str(PATHS.checkout),
            "environment": ",".join(f'{name}="{value}"' for name, value in sorted(self.environment.items())),
            "priority": str(self.order),
            "autostart": str(self.automatic).lower(),
            "autorestart": "true",
            "startretries": "1000",  # with growing pauses; `up` says it when something does not come up
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": str(self.stop_signal == "TERM").lower(),
            "killasgroup": "true",
            "stdout_logfile": str(log),
            "redirect_stderr": "true",
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "2",
        }
        return f"[program:{self.name}]\n" + "".join(f"{key}={_escape(value)}\n" for key, value in lines.items() if value)


def local_command(module: str, *words: str) -> list[object]:
    """A program of this package."""
    return [PYTHON, "-m", f"local.{module}", *words]


def configuration(programs: Sequence[Program], socket: Path, log: Path, path: str) -> str:
    """A whole supervisord.conf; `path` goes in front of the system's PATH of every program."""
    head = f"""\
[supervisord]
nodaemon=true
silent=true
user=root
logfile={_escape(str(log))}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={socket}.pid
strip_ansi=true
environment=PATH="{_escape(path)}:{SYSTEM_PATH}"

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return "\n".join([head, *(program.section() for program in programs)])


def fingerprint(text: str) -> str:
    """Put into a program's environment, it makes supervisord restart the program when `text` has changed."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _escape(value: str) -> str:
    return value.replace("%", "%%")


def _word(word: str) -> str:
    if word and all(letter.isalnum() or letter in "-_./:=,@+" for letter in word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
