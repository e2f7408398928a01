"""How far an import from another server has come: a small file that is replaced after every page that was kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from eventkeep.errors import ConfigurationError

VERSION: Final = 1


class State(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The progress of an import, from which it goes on. Times are Unix seconds.

    ``source``, ``target`` and ``filter`` identify the import. ``stage`` is ``walk`` during the
    walk over all events, ``closing`` during the second pass over the newest, and ``done`` when
    both are complete. ``started`` is the time when that pass began and ``since`` the first time
    that it reads, None for the beginning. ``position`` is the time of the last event
    that was kept, ``cursor`` the page after it; None if the pass is at its beginning.
    ``events`` counts the events that all passes have read.
    """

    version: int = VERSION
    source: str
    target: str
    filter: str | None
    stage: Literal["walk", "closing", "done"] = "walk"
    started: int
    since: int | None = None
    position: int | None = None
    cursor: str | None = None
    events: int = 0

    def begin(self, stage: Literal["walk", "closing"], now: int, overlap_seconds: int) -> None:
        """Begin the next pass: over all times since the previous pass began, and the overlap before that."""
        self.stage, self.since, self.started = stage, max(0, self.started - overlap_seconds), now
        self.position = self.cursor = None

    def finish(self) -> None:
        """The import is complete; ``started`` stays for the next run."""
        self.stage, self.position, self.cursor = "done", None, None


def load_state(path: Path, source: str, target: str, filter: str | None) -> State | None:
    """Return the state in a file, None without a file. Raises ConfigurationError for the state of another import."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigurationError(f"--state: {path} can't be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"--state: {path} is not the state of an import: {exc}") from exc
    if state.version != VERSION:
        raise ConfigurationError(f"--state: {path} has the version {state.version}, expected {VERSION}")
    own = {"source": source, "target": target, "filter": filter}
    for name, value in own.items():
        if getattr(state, name) != value:
            raise ConfigurationError(
                f"--state: {path} is of another import: its {name} is {getattr(state, name)!r}, not {value!r}. "
                "Name another file, or remove this one to begin anew."
            )
    return state


def save_state(path: Path, state: State) -> None:
    """Replace the file by the state, whole, and sync it to disk. Raises ConfigurationError if that fails."""
    written = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with written.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as exc:
        raise ConfigurationError(f"--state: {path} can't be written: {exc.strerror}") from exc
