"""An official client in an environment of its own, driven from the test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import pytest

from tests.source_tree import PROJECT

DRIVER: Final = Path(__file__).with_name("client_driver.py")
ENVIRONMENTS: Final = PROJECT / ".cache" / "clients"

REVISIONS: Final = {"7.0.0": "2024-02-15", "9.0.0": "2024-06-15", "25.0.0": "2026-10-15"}
"""The revision that each version of the client asks for; if the server does not have it, the one before it is used."""


class ClientResponse(msgspec.Struct):
    """The result of a call. ``status`` is None if the plain form of an operation returned data."""

    status: int | None = None
    headers: dict[str, str] = {}
    data: Any = None
    raised: str | None = None

    @property
    def fault(self) -> dict[str, Any]:
        """The first error object of an error document."""
        fault: dict[str, Any] = self.data["errors"][0]
        return fault


class OfficialClient:
    """``klaviyo-api`` of one version, in a process that handles one call after the other."""

    def __init__(self, version: str, url: str, key: str) -> None:
        self.version, self.revision = version, REVISIONS[version]
        self._url, self._key = url, key
        interpreter = ENVIRONMENTS / version / "bin" / "python"
        if not interpreter.exists():
            pytest.fail(f"client {version} is not installed; 'make test' installs it")
        self._process = subprocess.Popen(
            [str(interpreter), str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def __call__(
        self,
        operation: str,
        *positional: Any,
        api: str = "Events",
        key: str | None = None,
        max_retries: int = 1,
        **options: Any,
    ) -> ClientResponse:
        """Calls one operation of one of the client's classes. Without its name, the data are the names of all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        call = {
            "api": api,
            "operation": operation,
            "positional": positional,
            "options": options,
            "key": key or self._key,
            "url": self._url,
            "max_retries": max_retries,
        }
        print(json.dumps(call), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the client's process ended with {self._process.poll()}"
        return msgspec.json.decode(line, type=ClientResponse)
