"""The file of a cassette: JSON Lines, a head and then one exchange a line.

Only headers that matter for a replay are kept, and no key is: see `eventkeep.cassettes.scrubbing`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import CASSETTE_EXCHANGES_MAX

Line = TypeVar("Line")

FORMAT: Final = 1
REQUEST_HEADERS: Final = frozenset(("accept", "content-type", "revision"))
RESPONSE_HEADERS: Final = frozenset(
    ("allow", "content-type", "retry-after", "x-klaviyo-api-revision", "x-klaviyo-partial-failure")
)


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: the format, the recorded server, and the names of the members that were replaced."""

    format: int
    upstream: str
    scrubbed: tuple[str, ...] = ()


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request and its response; names of headers are in lower case, bodies are text."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    status: int
    response_headers: dict[str, str]
    response_body: str


def kept(headers: dict[str, str], names: frozenset[str]) -> dict[str, str]:
    """The headers of these names, the names in lower case."""
    return {name.lower(): value for name, value in headers.items() if name.lower() in names}


class Writer:
    """Appends exchanges to a new file; each is in the file when ``add`` returns."""

    def __init__(self, path: Path, head: Head) -> None:
        """Create the file. Raises ConfigurationError if it exists or can't be made."""
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError as exc:
            raise ConfigurationError(f"{path} exists: give another name, or remove it first.") from exc
        except OSError as exc:
            raise ConfigurationError(f"{path} can't be made: {exc.strerror}.") from exc
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._file.write(msgspec.json.encode(head) + b"\n")
        self.exchanges = 0

    def add(self, exchange: Exchange) -> bool:
        """Append an exchange; False if the cassette is full."""
        if self.exchanges >= CASSETTE_EXCHANGES_MAX:
            return False
        self._file.write(msgspec.json.encode(exchange) + b"\n")
        self.exchanges += 1
        return True

    def close(self) -> None:
        self._file.close()


def read_cassette(path: Path) -> tuple[Head, list[Exchange]]:
    """The content of a cassette. Raises ConfigurationError, which names the file and the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise ConfigurationError(f"{path} can't be read: {exc.strerror}.") from exc
    if not lines:
        raise ConfigurationError(f"{path} is empty.")
    head = decoded(lines[0], Head, f"{path}, line 1")
    if head.format != FORMAT:
        raise ConfigurationError(f"{path}: format {head.format} is not known; this eventkeep reads {FORMAT}.")
    return head, [decoded(line, Exchange, f"{path}, line {number}") for number, line in enumerate(lines[1:], start=2)]


def decoded(line: bytes, kind: type[Line], place: str) -> Line:
    """One line. Raises ConfigurationError, which begins with the place."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as exc:
        raise ConfigurationError(f"{place}: {exc}.") from exc
