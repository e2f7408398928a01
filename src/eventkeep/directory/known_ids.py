"""The public ids of profiles that a response named lately, in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from eventkeep.limits import KNOWN_IDS_MAX
from eventkeep.model.ulid import ULID_CHARACTERS

Ids = npt.NDArray[np.bytes_]


class KnownIds:
    """A flat array from the number of a profile to its id, one for each account. Any thread may call.

    An id never changes, and no number is used again, so nothing has to be dropped when a profile changes.
    """

    def __init__(self, ids_max: int = KNOWN_IDS_MAX) -> None:
        self._ids_max = ids_max
        self._ids: dict[int, Ids] = {}
        self._lock = threading.Lock()

    def find(self, account: int, numbers: Sequence[int]) -> list[bytes]:
        """The id of each profile, empty if it is not known."""
        places = np.array(numbers, dtype=np.int64)
        # Not without the lock: numpy may let go of the interpreter's lock in the middle of an id.
        with self._lock:
            ids = self._ids.get(account)
            if ids is None:
                return [b""] * len(numbers)
            # The first place is of no profile and stays empty.
            found: list[bytes] = ids[np.where(places < len(ids), places, 0)].tolist()
        return found

    def note(self, account: int, found: Mapping[int, str]) -> None:
        """Keep the ids of profiles by number. If that makes too many, all others are dropped."""
        kept = {number: profile_id for number, profile_id in found.items() if number < self._ids_max}
        if not kept:
            return
        with self._lock:
            ids = self._ids.get(account)
            needed = max(kept) + 1
            if ids is None or len(ids) < needed:
                ids = self._grown(account, ids, needed)
            ids[list(kept)] = list(kept.values())

    def _grown(self, account: int, ids: Ids | None, needed: int) -> Ids:
        """The account's array with room for ``needed`` profiles, or a new one if all arrays would have too many."""
        size = min(1 << (needed - 1).bit_length(), self._ids_max)
        if size + sum(len(other) for owner, other in self._ids.items() if owner != account) > self._ids_max:
            self._ids, ids = {}, None
        made = np.zeros(size, dtype=f"S{ULID_CHARACTERS}")
        if ids is not None:
            made[: len(ids)] = ids
        self._ids[account] = made
        return made
