"""Profile writes that change nothing, recognised by the bytes of the profile in the request.

Most events of a shop name a profile that the server has, with the same data as last time. To find that out by reading
and merging costs tens of microseconds; here it is one look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eventkeep.cache import Cache
from eventkeep.limits import CHANGED_PROFILES_MAX, SETTLED_WRITES_MAX

WriteKey = tuple[int, bytes]
"""An account, and the digest of a write."""


class SettledWrites:
    """The profile of each write that was applied lately, as long as that profile does not change.

    The rule: an entry holds the profile and the moment at which the write was applied to it, and is good if the profile
    has not changed since. Applying the same write again changes nothing (see ``eventkeep.model.profile.merged``).

    Profiles are given by `eventkeep.directory.schema.key_of`. It belongs to the one thread that commits.
    """

    def __init__(self, entries_max: int = SETTLED_WRITES_MAX, changed_max: int = CHANGED_PROFILES_MAX) -> None:
        self._entries_max, self._changed_max = entries_max, changed_max
        self._entries: Cache[WriteKey, tuple[int, int]] = Cache(entries_max)
        self._changed: dict[int, int] = {}
        self._moment = 0

    def find_all(self, keys: Sequence[WriteKey]) -> list[int | None]:
        """Of each write the profile to which it was applied and that has not changed since, or None."""
        changed = self._changed.get
        return [
            entry[0] if entry is not None and changed(entry[0], 0) <= entry[1] else None
            for entry in self._entries.get_all(keys)
        ]

    def note_changed(self, profiles: Iterable[int]) -> None:
        """No write that was applied to these profiles before is settled any more."""
        self._moment += 1
        self._changed.update(dict.fromkeys(profiles, self._moment))
        if len(self._changed) > self._changed_max:
            # Without the moments of change no entry can be trusted.
            self._changed, self._entries = {}, Cache(self._entries_max)

    def note_applied(self, writes: Iterable[tuple[WriteKey, int]]) -> None:
        """These writes were applied to these profiles, after all changes that were noted."""
        moment = self._moment
        self._entries.put((key, (profile, moment)) for key, profile in writes)
