"""One commit's events as columns: their keys, which of them repeat, the Arrow rows of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_128_digest

from eventkeep.eventlog.rows import ROWS_SCHEMA
from eventkeep.eventlog.seen import Keys
from eventkeep.model.submission import Submission

Item = TypeVar("Item")
Flags = npt.NDArray[np.bool_]


class Resolved(msgspec.Struct):
    """A submission whose names have become numbers.

    ``profiles`` and ``metrics`` hold one number per event.
    """

    account: int
    submission: Submission
    profiles: list[int]
    metrics: list[int]


class Batch:
    """The events of several submissions, side by side in order of arrival.

    ``ids`` and ``key_lows`` are the halves of the events' keys (shape [events]);
    ``owner`` says which submission an event is of (shape [events]).
    """

    def __init__(self, parts: Sequence[Resolved]) -> None:
        self.parts = parts
        digests = b"".join([digest for part in parts for digest in event_keys(part)])
        keys = np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)
        self.ids: Keys = np.ascontiguousarray(keys[:, 0])
        self.key_lows: Keys = np.ascontiguousarray(keys[:, 1])
        self.owner = np.repeat(np.arange(len(parts)), [len(part.submission) for part in parts])

    def __len__(self) -> int:
        return len(self.ids)

    def first_of_each_key(self) -> Flags:
        """For each event: whether it is the first of the batch with its key (shape [events])."""
        _, first = np.unique(self.ids, return_index=True)
        if len(first) == len(self.ids):
            return np.ones(len(self.ids), dtype=np.bool_)
        # Some upper halves are equal; now both halves decide.
        firsts: dict[tuple[int, int], int] = {}
        for place, key in enumerate(zip(self.ids.tolist(), self.key_lows.tolist(), strict=True)):
            firsts.setdefault(key, place)
        flags = np.zeros(len(self.ids), dtype=np.bool_)
        flags[list(firsts.values())] = True
        return flags

    def stored_by_part(self, fresh: Flags) -> list[int]:
        """How many events of each submission are in ``fresh`` (shape [events])."""
        counted: list[int] = np.bincount(self.owner[fresh], minlength=len(self.parts)).tolist()
        return counted

    def rows(self, fresh: Flags) -> pa.Table:
        """The Arrow rows of the events flagged in ``fresh`` (shape [events]), as the log takes them."""
        submissions = [part.submission for part in self.parts]
        sizes = [len(submission) for submission in submissions]
        columns = [
            np.repeat(np.array([part.account for part in self.parts], dtype=np.uint32), sizes),
            np.array(chained([submission.time for submission in submissions]), dtype=np.uint32),
            self.ids,
            self.key_lows,
            np.array(chained([part.profiles for part in self.parts]), dtype=np.uint64),
            np.array(chained([part.metrics for part in self.parts]), dtype=np.uint32),
            chained([submission.unique_id for submission in submissions]),
            chained([submission.value for submission in submissions]),
            chained([submission.currency for submission in submissions]),
            chained([submission.properties for submission in submissions]),
        ]
        table = pa.table(columns, schema=ROWS_SCHEMA)
        return table if fresh.all() else table.filter(pa.array(fresh))


def event_keys(part: Resolved) -> list[bytes]:
    """The 128-bit key of each event: of its account, profile, metric and unique id.

    The numbers are written as text with a separator that no number holds, and the
    unique id stands last, so that no two different events make the same text.
    """
    account = part.account
    return [
        xxh3_128_digest(f"{account}:{profile}:{metric}:{unique_id}".encode())
        for profile, metric, unique_id in zip(part.profiles, part.metrics, part.submission.unique_id, strict=True)
    ]


def chained(lists: Sequence[list[Item]]) -> list[Item]:
    """The lists end to end."""
    if len(lists) == 1:
        return lists[0]
    return [item for items in lists for item in items]
