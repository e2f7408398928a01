"""Followers of the log: programs that read it at their own pace, each with a name and the position it has reached.

The log keeps the records that a follower has not read, up to a limit. Each follower has a small file in the data
folder, which it replaces by itself; the server only reads it. A position that was not noted in time does no harm: then
the follower reads some records again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec
from xxhash import xxh3_64_hexdigest

from eventkeep.errors import ConfigurationError, LogError
from eventkeep.files import Files, replace_content

FOLDER: Final = "followers"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
NEW_SUFFIX: Final = ".new"
FILE_BYTES_MAX: Final = 100


class Follower(msgspec.Struct, frozen=True):
    """A follower, and the position of the last record that it has."""

    name: str
    position: int


def check_name(name: str) -> None:
    """Raises ConfigurationError unless a follower may have the name."""
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(f"a follower's name has up to 64 letters, digits, - and _, not {name!r}")


def note(data: Path, follower: Follower, files: Files | None = None) -> None:
    """Register a follower, or note how far it has come, durably. Raises LogError, and ConfigurationError."""
    check_name(follower.name)
    files = files or Files()
    folder = data / FOLDER
    # Two programs of one name do not write into one file.
    unfinished = folder / f"{follower.name}.{os.getpid()}{NEW_SUFFIX}"
    try:
        files.make_folder(folder)
        replace_content(files, folder / follower.name, encode(follower), unfinished)
    except OSError as exc:
        raise LogError(f"the position of the follower {follower.name} can't be noted in {folder}: {exc}") from exc


def read_followers(data: Path) -> list[Follower]:
    """All followers of the log in a data folder, by name. Raises LogError if a file of one is damaged."""
    folder = data / FOLDER
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise LogError(f"the followers in {folder} can't be read: {exc}") from exc
    return [read_follower(folder / name) for name in names if not name.endswith(NEW_SUFFIX)]


def find_follower(data: Path, name: str) -> Follower | None:
    """The follower of that name, None if there is none. Raises LogError, and ConfigurationError."""
    check_name(name)
    path = data / FOLDER / name
    return read_follower(path) if path.exists() else None


def forget(data: Path, name: str) -> bool:
    """Remove a follower, also one whose file is damaged; returns whether there was one. Raises LogError."""
    check_name(name)
    folder = data / FOLDER
    try:
        Files().unlink(folder / name)
        Files().sync_folder(folder)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise LogError(f"the follower {name} can't be removed from {folder}: {exc}") from exc
    return True


def encode(follower: Follower) -> bytes:
    """The file of a follower: its position, and a checksum of name and position."""
    checksum = xxh3_64_hexdigest(f"{follower.name} {follower.position}".encode())
    return f"{follower.position}\n{checksum}\n".encode()


def read_follower(path: Path) -> Follower:
    """Read the file of one follower. Raises LogError if it is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX)
    except OSError as exc:
        raise LogError(f"the follower {path} can't be read: {exc}") from exc
    position = content.split(b"\n")[0]
    if position.isdigit():
        follower = Follower(path.name, int(position))
        if content == encode(follower):
            return follower
    raise LogError(f"the follower {path} is damaged: remove it with eventkeep log forget {path.name}")
