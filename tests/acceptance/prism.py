"""Prism, a mock server that knows the API from an OpenAPI document alone, if it is installed.

``npm install @stoplight/prism-cli`` installs it. The tests look for it on the PATH, or use the
program that EVENTKEEP_PRISM names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec
import pytest

from eventkeep.testing import free_port

START_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.1
_VIOLATIONS: Final = "sl-violations"


class Prism:
    """``prism mock`` on a document; a context manager that starts and ends it."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        path = folder / "document.json"
        path.write_text(json.dumps(_compiled(document)), encoding="utf-8")
        self._log = folder / "prism.log"
        self._command = [prism_path(), "mock", "--host", "127.0.0.1", "--port", str(port), str(path)]

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                pytest.fail(f"prism did not start: {self._log.read_text()}")
            time.sleep(_POLL_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            self._process.terminate()

    def _is_ready(self) -> bool:
        try:
            httpx.get(self.url, timeout=5.0)
        except httpx.TransportError:
            return False
        return True


class Violation(msgspec.Struct, frozen=True):
    """A violated rule of the document: its place, and Prism's message."""

    location: list[str]
    message: str


class Judged(msgspec.Struct, frozen=True):
    """Prism's findings on one request."""

    request: str
    status: int
    violations: list[Violation]


class JudgedTransport(httpx.HTTPTransport):
    """Sends requests to Prism and records its findings in ``judged``."""

    def __init__(self) -> None:
        super().__init__()
        self.judged: list[Judged] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        found = msgspec.json.decode(response.headers.get(_VIOLATIONS, "[]"), type=list[Violation])
        # Prism validates its own responses too, which it makes from examples in the document.
        violations = [violation for violation in found if violation.location[0] == "request"]
        self.judged.append(Judged(f"{request.method} {request.url}", response.status_code, violations))
        return response


def prism_path() -> str:
    """The path of Prism; skips the test if it is not installed."""
    found = os.environ.get("EVENTKEEP_PRISM") or shutil.which("prism")
    if not found:
        pytest.skip("prism is not installed (npm install @stoplight/prism-cli; PATH or EVENTKEEP_PRISM)")
    return found


def _compiled(node: Any) -> Any:
    """The document with ``nullable`` only beside ``type``.

    OpenAPI 3.0.3 gives ``nullable`` no meaning without ``type``. If a schema of a body has it there,
    Prism skips the whole validation of the body without a message.
    """
    if isinstance(node, list):
        return [_compiled(item) for item in node]
    if not isinstance(node, dict):
        return node
    is_void = node.get("nullable") is True and "type" not in node
    return {key: _compiled(value) for key, value in node.items() if not (is_void and key == "nullable")}
