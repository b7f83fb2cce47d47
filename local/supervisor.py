"""Talks to a supervisord, the first process of the platform and again of the node, over its socket."""

import contextlib
import http.client
import socket
import struct
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import PlatformError, failed
from local.settings import PATHS

TIMEOUT = 60.0  # seconds; stopping PostgreSQL waits for its checkpoint
ANSWER = 5.0  # seconds; it only looks something up
RUNNING = frozenset({"RUNNING"})
ON_ITS_WAY = frozenset({"STARTING", "BACKOFF"})


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self._path, self._seconds = path, seconds

    def make_connection(self, host: Any) -> _Connection:
        connection = _Connection(self._path, self._seconds)
        self._connection = host, connection  # what the library closes in the end
        return connection


@dataclass(frozen=True)
class Supervisor:
    """One supervisord, by its socket."""

    socket: Path

    def _call(self, method: str, *arguments: str, seconds: float = TIMEOUT) -> Any:
        """Raises OSError or HTTPException when nobody listens, and xmlrpc.client.Fault when supervisord refuses."""
        with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self.socket, seconds)) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def answers(self) -> bool:
        try:
            return bool(self._call("getState", seconds=ANSWER)["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def pid(self) -> int:
        """Process ID of the supervisord as we see it, whichever PID namespace it is in. Raises OSError if it is gone."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            return int(struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])

    def states(self) -> dict[str, str]:
        """Name of each program → supervisord's word for its state."""
        return {info["name"]: info["statename"] for info in self._call("getAllProcessInfo")}

    def started_at(self, name: str) -> int:
        """Seconds since the epoch."""
        return int(self._call("getProcessInfo", name)["start"])

    def inner_pid(self, name: str) -> int:
        """Process ID of a program as supervisord itself counts, in its own PID namespace; 0 when it does not run."""
        return int(self._call("getProcessInfo", name)["pid"])

    def start(self, name: str) -> None:
        """Starts a program that is not running and returns when it has been up for its `startsecs`. Raises PlatformError."""
        if self.states().get(name) in RUNNING | ON_ITS_WAY:
            return
        try:
            self._call("startProcess", name)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" in fault.faultString:
                return
            advice = "Mend what it complains about, then `make up`."
            raise failed(f"{name} does not start ({fault.faultString})", PATHS.logs / f"{name}.log", advice) from fault

    def stop(self, name: str) -> None:
        with contextlib.suppress(xmlrpc.client.Fault):  # it was not running
            self._call("stopProcess", name)

    def reload(self) -> list[str]:
        """Reads the configuration again and restarts exactly the programs whose entry changed; returns their names."""
        try:
            ((added, changed, removed),) = self._call("reloadConfig")
        except xmlrpc.client.Fault as fault:
            raise PlatformError(f"supervisord refuses its new configuration: {fault.faultString}") from fault
        for name in [*removed, *changed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in [*changed, *added]:
            self._call("addProcessGroup", name)
        return [*added, *changed, *removed]

    def shutdown(self) -> None:
        """Asks for an orderly end, last started first; returns at once."""
        with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Fault):
            self._call("shutdown")
