"""One commit's events as columns: their keys, which of them repeat, and the rest for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventkeep.eventlog.columns import Columns, Texts
from eventkeep.eventlog.seen import Keys
from eventkeep.model.submission import FLAG_TYPE, HASH_TYPE, NUMBER_TYPE, VALUE_TYPE, Submission

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]

SET_EVENTS_MAX: Final = 1_000
TEXT_SIZES: Final = {
    "unique_id": "unique_id_bytes",
    "currency": "currency_bytes",
    "properties": "property_bytes",
}
"""The columns of texts, and those of their sizes."""
OTHER_HALF: Final = np.uint64(0x9E3779B97F4A7C15)
"""Makes the lower half of a key another one than the upper."""


class Resolved(msgspec.Struct):
    """A submission whose names have become numbers: ``profiles`` and ``metrics`` (each of shape [events])."""

    account: int
    submission: Submission
    profiles: npt.NDArray[np.uint64]
    metrics: npt.NDArray[np.uint32]


class Batch:
    """The events of several submissions, side by side in order of arrival.

    ``ids`` and ``key_lows`` are the halves of the events' keys (shape [events]).
    """

    def __init__(self, parts: Sequence[Resolved]) -> None:
        self._submissions = [part.submission for part in parts]
        sizes = [len(submission) for submission in self._submissions]
        self._accounts = np.repeat(np.array([part.account for part in parts], dtype=np.uint32), sizes)
        self._profiles = np.concatenate([part.profiles for part in parts])
        self._metrics = np.concatenate([part.metrics for part in parts])
        hashes = np.frombuffer(self._joined("unique_id_hash"), dtype=HASH_TYPE).astype(np.uint64)
        self.ids, self.key_lows = event_keys(self._accounts, self._profiles, self._metrics, hashes)

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
        columns = Columns(
            {
                "account": self._accounts,
                "time": self._numbers("time"),
                "id": self.ids,
                "key_low": self.key_lows,
                "profile": self._profiles,
                "metric": self._metrics,
                "value": np.frombuffer(self._joined("value"), dtype=VALUE_TYPE),
                "has_value": np.frombuffer(self._joined("has_value"), dtype=FLAG_TYPE),
            },
            {name: Texts(self._joined(name), self._numbers(sizes)) for name, sizes in TEXT_SIZES.items()},
        )
        # Most batches bring nothing again, and the rest is not worth a way of its own.
        return columns if fresh.all() else Columns.of_table(columns.table.filter(pa.array(fresh)))

    def _joined(self, name: str) -> bytes:
        """A column of all submissions."""
        return b"".join([getattr(submission, name) for submission in self._submissions])

    def _numbers(self, name: str) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self._joined(name), dtype=NUMBER_TYPE)


def are_distinct(ids: Keys) -> bool:
    """Whether no two are equal. For few of them a set is quicker than sorting."""
    if len(ids) <= SET_EVENTS_MAX:
        return len(set(ids.tolist())) == len(ids)
    return len(np.unique(ids)) == len(ids)


def event_keys(accounts: Numbers, profiles: Numbers, metrics: Numbers, hashes: Keys) -> tuple[Keys, Keys]:
    """The two halves of the 128-bit key of each event (each of shape [events]).

    ``hashes`` holds the two halves of the hash of each unique id (shape [2 * events]),
    which is mixed with the numbers. Mixing is invertible: of two events with one unique
    id that differ only in profile or only in account and metric, both halves differ.
    """
    names = (accounts.astype(np.uint64) << np.uint64(32)) | metrics.astype(np.uint64)
    ids = mixed(hashes[0::2] ^ mixed(profiles ^ mixed(names)))
    key_lows = mixed(hashes[1::2] ^ mixed(profiles ^ mixed(names ^ OTHER_HALF)))
    return ids, key_lows


def mixed(words: Keys) -> Keys:
    """Each word with every bit of it spread over the whole (the last steps of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
