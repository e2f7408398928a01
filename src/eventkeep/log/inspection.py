"""Looking at the log of a folder without opening it for appending: nothing is made, removed or changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from eventkeep.errors import LogError
from eventkeep.files import Files
from eventkeep.limits import LOG_READ_AGAIN_SECONDS, LOG_READS_MAX
from eventkeep.log.file_end import FileEnd, find_end
from eventkeep.log.file_log import read_heads
from eventkeep.log.log_file import FileHead, Walk, file_name


class LogState(msgspec.Struct, frozen=True):
    """The state of a log. ``first`` is ``last`` + 1 if it has no record; ``torn_bytes`` were never acknowledged."""

    identity: int
    first: int
    last: int
    files: int
    bytes: int
    torn_bytes: int


def inspect_log(folder: Path, files: Files | None = None) -> LogState | None:
    """The state of the log in a folder, None if there is none, beside a server that appends to it or without one.

    Raises LogError if it is damaged.
    """
    try:
        file_heads, end = read_end(folder, files or Files())
    except OSError as exc:
        raise LogError(f"the log in {folder} can't be read: {exc}") from exc
    if end is None:
        return None
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

    The last one is the newest at the first call. Raises LogError if a record is damaged, or no longer in the log.
    """
    files = files or Files()
    try:
        file_heads, newest = read_end(folder, files)
        if newest is None:
            return
        if start < file_heads[0].first:
            raise LogError(f"record {start} is no longer in the log, which begins with record {file_heads[0].first}")
        for place, head in enumerate(file_heads):
            following = file_heads[place + 1] if place + 1 < len(file_heads) else None
            if following is not None and following.first <= start:
                continue
            end = newest.offset if following is None else following.before_end
            walk = Walk(files, folder / file_name(head.first), head, end)
            try:
                for content in walk.records():
                    if walk.position >= start:
                        yield content
            finally:
                walk.close()
    except OSError as exc:
        raise LogError(f"the log in {folder} can't be read: {exc}") from exc


def read_end(folder: Path, files: Files) -> tuple[list[FileHead], FileEnd | None]:
    """The heads of the log's files, and the end of the newest one; None without any. Raises LogError, OSError.

    A server may write a record, begin a file or remove one meanwhile, which looks like damage. Damage looks the same
    when it is read again.
    """
    failure: Exception | None = None
    for _ in range(LOG_READS_MAX):
        try:
            file_heads = read_heads(folder, files)[0] if folder.is_dir() else []
            if not file_heads:
                return [], None
            return file_heads, find_end(files, folder / file_name(file_heads[-1].first), file_heads[-1])
        except (LogError, FileNotFoundError) as exc:
            if failure is not None and str(exc) == str(failure):
                raise
            failure = exc
        time.sleep(LOG_READ_AGAIN_SECONDS)
    raise LogError(f"the log in {folder} changes too fast to be read: {failure}")
