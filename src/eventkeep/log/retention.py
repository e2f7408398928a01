"""Which records stay in the log although both stores have them: by age and size, and for its followers.

The log is removed in whole files, and so more stays than was asked for, by up to one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eventkeep.log.file_log import FileLog
from eventkeep.log.followers import Follower, read_followers

logger = structlog.get_logger(__name__)

HOUR_SECONDS: Final = 3_600


class Retention(msgspec.Struct, frozen=True):
    """How much of the log stays beyond that which a store still needs.

    Records stay until they are older than ``hours`` or the log has more than ``bytes``; 0 is no such limit, and if both
    are 0, none stays. ``follower_bytes`` is how much of the log stays for followers at most.
    """

    bytes: int
    hours: int
    follower_bytes: int


class LogFile(msgspec.Struct, frozen=True):
    """A file of the log: the position of its first record, and its size in bytes."""

    first: int
    bytes: int


def first_kept(log: FileLog, data: Path, retention: Retention, now: float, is_disk_full: bool) -> int:
    """The first position that has to stay in the log of the data folder, whether or not a store needs it.

    ``now`` is in Unix seconds. On a full disk only the records that followers need stay. Raises LogError.
    """
    files = [LogFile(head.first, head.size) for head in log.file_heads]
    kept = [log.last + 1, first_followed(files, read_followers(data), retention.follower_bytes)]
    if not is_disk_full:
        kept.append(first_retained(log, files, retention, now))
    return min(kept)


def first_retained(log: FileLog, files: Sequence[LogFile], retention: Retention, now: float) -> int:
    """The first position that stays by size and age."""
    newest = files[-1].first
    if not retention.bytes and not retention.hours:
        return newest
    size = sum(file.bytes for file in files)
    for file, following in pairwise(files):
        is_over_size = retention.bytes and size > retention.bytes
        is_over_age = retention.hours and log.time_of(following.first) < now - retention.hours * HOUR_SECONDS
        if not is_over_size and not is_over_age:
            return file.first
        size -= file.bytes
    return newest


def first_followed(files: Sequence[LogFile], followers: Sequence[Follower], bytes_max: int) -> int:
    """The first position that stays for followers. One that is further behind than ``bytes_max`` is left behind."""
    newest = files[-1].first
    if not followers:
        return newest
    size, bound = files[-1].bytes, newest
    for file in reversed(files[:-1]):
        size += file.bytes
        if size > bytes_max:
            break
        bound = file.first
    for follower in followers:
        if follower.position + 1 < bound:
            logger.warning(
                "a follower is too far behind: the log keeps no more for it",
                follower=follower.name,
                position=follower.position,
                kept_from=bound,
            )
    return max(bound, min(follower.position + 1 for follower in followers))
