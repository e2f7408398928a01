"""Looking at the log of a folder without opening it for appending: nothing is made, removed or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from eventkeep.errors import LogError
from eventkeep.files import Files
from eventkeep.log.file_end import find_end
from eventkeep.log.file_log import read_heads
from eventkeep.log.log_file import Walk, file_name


class LogState(msgspec.Struct, frozen=True):
    """The state of a log. ``first`` is ``last`` + 1 if it has no record; ``torn_bytes`` were never acknowledged."""

    identity: int
    first: int
    last: int
    files: int
    bytes: int
    torn_bytes: int


def inspect_log(folder: Path, files: Files | None = None) -> LogState | None:
    """The state of the log in a folder, None if there is none. Raises LogError if it is damaged."""
    files = files or Files()
    try:
        if not folder.is_dir() or not (file_heads := read_heads(folder)[0]):
            return None
        end = find_end(files, folder / file_name(file_heads[-1].first), file_heads[-1])
    except OSError as exc:
        raise LogError(f"the log in {folder} can't be read: {exc}") from exc
    return LogState(
        identity=file_heads[0].log,
        first=file_heads[0].first,
        last=end.position,
        files=len(file_heads),
        bytes=sum(head.size for head in file_heads),
        torn_bytes=end.torn_bytes,
    )


def read_log(folder: Path, start: int, files: Files | None = None) -> Iterator[bytes]:
    """The encoded records of a log from ``start`` on, beside a server that appends to it or without one.

    Raises LogError if a record is damaged, or no longer in the log.
    """
    files = files or Files()
    try:
        file_heads = read_heads(folder, files)[0]
        if not file_heads:
            return
        if start < file_heads[0].first:
            raise LogError(f"record {start} is no longer in the log, which begins with record {file_heads[0].first}")
        for place, head in enumerate(file_heads):
            following = file_heads[place + 1] if place + 1 < len(file_heads) else None
            if following is not None and following.first <= start:
                continue
            path = folder / file_name(head.first)
            end = find_end(files, path, head).offset if following is None else following.before_end
            walk = Walk(files, path, head, end)
            try:
                for content in walk.records():
                    if walk.position >= start:
                        yield content
            finally:
                walk.close()
    except OSError as exc:
        raise LogError(f"the log in {folder} can't be read: {exc}") from exc
