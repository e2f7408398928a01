"""One commit's events as columns: their keys, which of them repeat, and the rest for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_128_digest

from eventkeep.eventlog.columns import Columns, Texts
from eventkeep.eventlog.seen import Keys
from eventkeep.model.submission import Submission

Item = TypeVar("Item")
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]

SET_EVENTS_MAX = 1_000
OTHER_HALF = np.uint64(0x9E3779B97F4A7C15)
"""Makes the lower half of a key another one than the upper."""


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

    ``ids`` and ``key_lows`` are the halves of the events' keys (shape [events]).
    """

    def __init__(self, parts: Sequence[Resolved]) -> None:
        self.parts = parts
        sizes = [len(part.submission) for part in parts]
        self._accounts = np.repeat(np.array([part.account for part in parts], dtype=np.uint32), sizes)
        self._profiles = np.array(chained([part.profiles for part in parts]), dtype=np.uint64)
        self._metrics = np.array(chained([part.metrics for part in parts]), dtype=np.uint32)
        self._unique_ids = [text.encode() for part in parts for text in part.submission.unique_id]
        self.ids, self.key_lows = event_keys(self._accounts, self._profiles, self._metrics, self._unique_ids)

    def __len__(self) -> int:
        return len(self.ids)

    def first_of_each_key(self) -> Flags:
        """For each event: whether it is the first of the batch with its key (shape [events])."""
        if are_distinct(self.ids):
            return np.ones(len(self.ids), dtype=np.bool_)
        # Some upper halves are equal; now both halves decide.
        firsts: dict[tuple[int, int], int] = {}
        for place, key in enumerate(zip(self.ids.tolist(), self.key_lows.tolist(), strict=True)):
            firsts.setdefault(key, place)
        flags = np.zeros(len(self.ids), dtype=np.bool_)
        flags[list(firsts.values())] = True
        return flags

    def columns(self, fresh: Flags) -> Columns:
        """The events flagged in ``fresh`` (shape [events]), as the log takes them."""
        submissions = [part.submission for part in self.parts]
        values = chained([submission.value for submission in submissions])
        currencies = chained([submission.currency for submission in submissions])
        has_value = np.ones(len(self), dtype=np.bool_)
        if None in values:
            has_value = np.array([value is not None for value in values], dtype=np.bool_)
            values = [value or 0.0 for value in values]
        columns = Columns(
            {
                "account": self._accounts,
                "time": np.array(chained([submission.time for submission in submissions]), dtype=np.uint32),
                "id": self.ids,
                "key_low": self.key_lows,
                "profile": self._profiles,
                "metric": self._metrics,
                "value": np.array(values, dtype=np.float64),
                "has_value": has_value,
            },
            {
                "unique_id": Texts(b"".join(self._unique_ids), list(map(len, self._unique_ids))),
                # Codes of three letters, or none.
                "currency": Texts("".join(currencies).encode("ascii"), list(map(len, currencies))),
                "properties": Texts(
                    b"".join([submission.properties for submission in submissions]),
                    chained([submission.property_bytes for submission in submissions]),
                ),
            },
        )
        # Most batches bring nothing again, and the rest is not worth a way of its own.
        return columns if fresh.all() else Columns.of_table(columns.table.filter(pa.array(fresh)))


def are_distinct(ids: Keys) -> bool:
    """Whether no two are equal. For few of them a set is quicker than sorting."""
    if len(ids) <= SET_EVENTS_MAX:
        return len(set(ids.tolist())) == len(ids)
    return len(np.unique(ids)) == len(ids)


def event_keys(
    accounts: Numbers, profiles: Numbers, metrics: Numbers, unique_ids: Sequence[bytes]
) -> tuple[Keys, Keys]:
    """The two halves of the 128-bit key of each event (each of shape [events]).

    A key is the XXH3 of the unique id, mixed with the numbers. Mixing is invertible: of
    two events with one unique id that differ only in profile or only in account and
    metric, both halves differ.
    """
    digests = np.frombuffer(b"".join(map(xxh3_128_digest, unique_ids)), dtype=">u8").astype(np.uint64)
    names = (accounts.astype(np.uint64) << np.uint64(32)) | metrics.astype(np.uint64)
    ids = mixed(digests[0::2] ^ mixed(profiles ^ mixed(names)))
    key_lows = mixed(digests[1::2] ^ mixed(profiles ^ mixed(names ^ OTHER_HALF)))
    return ids, key_lows


def mixed(words: Keys) -> Keys:
    """Each word with every bit of it spread over the whole (the last steps of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def chained(lists: Sequence[list[Item]]) -> list[Item]:
    """The lists end to end."""
    if len(lists) == 1:
        return lists[0]
    return [item for items in lists for item in items]
