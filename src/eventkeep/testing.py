"""A real server for tests and demonstrations: one process, one folder, one port of its own.

::

    with ServerProcess(tmp_path / "data") as server:
        key = server.make_key()
        httpx.get(f"{server.url}/api/events/", headers={"Authorization": f"Klaviyo-API-Key {key}", …})
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import httpx
import msgspec

from eventkeep.client.controls import Controls
from eventkeep.errors import ConfigurationError, ServerUnreachable
from eventkeep.ports import free_port
from eventkeep.server.control_client import exchange

__all__ = ["Controls", "ServerProcess", "free_port"]

START_SECONDS_MAX: Final = 60.0
"""How long a server may take until it is ready."""
STOP_SECONDS_MAX: Final = 60.0
"""How long a server may take to stop after SIGTERM."""
ACCOUNT_NAME_CHARACTERS: Final = 60
"""Characters of a name that ``make_account`` keeps."""
_POLL_SECONDS: Final = 0.05
_READY_LINE: Final = b"eventkeep is ready at "
_HOST: Final = "127.0.0.1"


class MadeKey(msgspec.Struct):
    """The response to a request for a key: its text, or why there is none."""

    key: str = ""
    error: str = ""


class ServerProcess:
    """``eventkeep serve`` as a child process; a context manager that starts and stops it.

    ``rate_limits`` None leaves them to the other settings, a file's for example. With ``controls``, `Controls` can
    control the accounts.
    What the server prints goes to ``log_path``, a file beside the data folder.
    After ``stop`` or ``kill`` it may be started again, on the same folder and port.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        rate_limits: str | None = "off",
        controls: bool = False,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.port = free_port() if port is None else port
        self.url = f"http://{_HOST}:{self.port}"
        self.log_path = data.with_name(f"{data.name}.log")
        self._command = [
            *(sys.executable, "-m", "eventkeep", "serve", "--data", str(data), "--host", _HOST),
            *("--port", str(self.port), *(("--controls",) if controls else ()), *options),
            *(() if rate_limits is None else ("--rate-limits", rate_limits)),
        ]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running():
            self.stop()

    @property
    def pid(self) -> int:
        """The server's process id. Raises ServerUnreachable when it was never started."""
        if self._process is None:
            raise ServerUnreachable("the server was not started")
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it and waits until /healthz answers 200. Raises ServerUnreachable with what it printed."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = self._begin(log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if not self.is_running():
                raise ServerUnreachable(f"the server ended with {self._process.returncode}:\n{self.log_text()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerUnreachable(f"the server was not ready in {START_SECONDS_MAX:.0f} s:\n{self.log_text()}")
            time.sleep(_POLL_SECONDS)

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Begin the process, in a session of its own, with ``log`` as its output."""
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it as an operator would, by SIGTERM or SIGINT, and returns its exit code."""
        process = self._running()
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired as exc:
            self.kill()
            raise ServerUnreachable(f"the server did not stop in {STOP_SECONDS_MAX:.0f} s:\n{self.log_text()}") from exc

    def kill(self) -> None:
        """Ends it and all its children at once, by SIGKILL, as a crash would."""
        process = self._running()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pause(self) -> None:
        """Stops it where it stands, by SIGSTOP, until ``resume``."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after ``pause``."""
        self._running().send_signal(signal.SIGCONT)

    def make_key(self, account: str | None = None, scopes: str = "full") -> str:
        """A new API key, made by ``eventkeep keys create`` beside the server, running or not."""
        command = [sys.executable, "-m", "eventkeep", "keys", "create", "--data", str(self.data), "--scopes", scopes]
        if account is not None:
            command += ["--account", account]
        done = subprocess.run([*command, "--quiet"], env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerUnreachable(f"no key was made (exit code {done.returncode}): {done.stderr}")
        return done.stdout.strip()

    def make_account(self, name: str, scopes: str = "full") -> str:
        """Make a new account with a key, through the server's control socket in milliseconds; returns the key.

        The account's name begins with ``name``. Raises ServerUnreachable if the server does not run, and
        ConfigurationError for an unknown scope.
        """
        scopes_given = sorted(each.strip() for each in scopes.split(","))
        unique_name = f"{name[:ACCOUNT_NAME_CHARACTERS]} {uuid.uuid4().hex}"
        request = {"do": "create_key", "account": unique_name, "scopes": scopes_given}
        response = exchange(self.data, msgspec.json.encode(request))
        if response is None:
            raise ServerUnreachable("the server does not run, so no account was made")
        made = msgspec.json.decode(response, type=MadeKey)
        if made.error:
            raise ConfigurationError(made.error)
        return made.key

    def controls(self, api_key: str) -> Controls:
        """The controls of the account of a key, if the server was made with ``controls``."""
        return Controls(api_key, self.url)

    def log_text(self) -> str:
        """What the server has printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerUnreachable("the server was not started")
        return self._process

    def _is_ready(self) -> bool:
        # The line says that it is this process that answers, and not another on the same port.
        if _READY_LINE not in self.log_path.read_bytes()[self._log_start :]:
            return False
        try:
            return httpx.get(f"{self.url}/healthz", timeout=1.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
