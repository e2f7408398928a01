"""The events of one commit as columns, with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.model.event_columns import TEXTS, EventColumns, Flags, Keys, Places, TextColumn
from eventkeep.model.submission import Submission

Numbers = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]

OTHER_HALF: Final = np.uint64(0x9E3779B97F4A7C15)
"""Makes the lower half of a key differ from the upper one."""


class Resolved(msgspec.Struct):
    """A submission with the numbers of its profiles and metrics (each of shape [events])."""

    account: int
    submission: Submission
    profiles: npt.NDArray[np.uint32]
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
        hash_high, hash_low = self._numbers("hash_high"), self._numbers("hash_low")
        self.ids, self.key_lows = event_keys(self._accounts, self._profiles, self._metrics, hash_high, hash_low)

    def __len__(self) -> int:
        return len(self.ids)

    def keys_under(self, places: Places, profiles: npt.NDArray[np.uint32]) -> tuple[Keys, Keys]:
        """The keys that the events at ``places`` would have if they were of these ``profiles`` (each of one shape)."""
        return event_keys(
            self._accounts[places],
            profiles,
            self._metrics[places],
            self._numbers("hash_high")[places],
            self._numbers("hash_low")[places],
        )

    def profiles_of(self) -> dict[int, set[int]]:
        """The numbers of the profiles of each account."""
        found: dict[int, set[int]] = {}
        for account in set(self._accounts.tolist()):
            found[account] = set(self._profiles[self._accounts == account].tolist())
        return found

    def places_of(self, account: int, profile: int) -> Places:
        """The places of a profile's events."""
        return np.flatnonzero((self._accounts == account) & (self._profiles == profile))

    def columns(self, fresh: Flags) -> EventColumns:
        """The events flagged in ``fresh`` (shape [events])."""
        columns = EventColumns(
            {
                "time": self._numbers("time"),
                "id": self.ids,
                "key_low": self.key_lows,
                "value": self._numbers("value"),
                "account": self._accounts,
                "profile": self._profiles,
                "metric": self._metrics,
            },
            {name: self._texts(name) for name in TEXTS},
        )
        # Most batches have no duplicates.
        return columns if fresh.all() else columns.take(np.flatnonzero(fresh))

    def _numbers(self, name: str) -> npt.NDArray[Any]:
        return np.concatenate([submission.numbers[name] for submission in self._submissions])

    def _texts(self, name: str) -> TextColumn:
        texts = [submission.texts[name] for submission in self._submissions]
        return TextColumn(b"".join([text.joined for text in texts]), np.concatenate([text.sizes for text in texts]))


def event_keys(
    accounts: Numbers, profiles: Numbers, metrics: Numbers, hash_high: Keys, hash_low: Keys
) -> tuple[Keys, Keys]:
    """The two halves of the 128-bit key of each event (each of shape [events]).

    ``hash_high`` and ``hash_low`` are the halves of the hash of each unique id, which are mixed with the numbers.
    Mixing is invertible: if two events with one unique id differ only in profile, or only in account and metric, both
    halves differ.
    """
    profiles = profiles.astype(np.uint64)
    names = (accounts.astype(np.uint64) << np.uint64(32)) | metrics.astype(np.uint64)
    ids = mixed(hash_high ^ mixed(profiles ^ mixed(names)))
    key_lows = mixed(hash_low ^ mixed(profiles ^ mixed(names ^ OTHER_HALF)))
    return ids, key_lows


def mixed(words: Keys) -> Keys:
    """Each word with every bit spread over all others (the last steps of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
