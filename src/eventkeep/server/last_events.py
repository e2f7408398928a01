"""When profiles had their last events, under whichever numbers these are stored."""

from __future__ import annotations

from collections.abc import Sequence

from eventkeep.server.services import Services


class LastEvents:
    """Reads the event store. Any thread may call."""

    def __init__(self, services: Services) -> None:
        self._profiles, self._events = services.directory.profiles, services.events

    def times(self, account: int, profiles: Sequence[int]) -> dict[int, int]:
        """The time of the newest event of each profile in Unix seconds; profiles without one are left out."""
        numbers = {number: profile for profile in profiles for number in self._profiles.numbers_of(account, profile)}
        newest: dict[int, int] = {}
        for number, time in self._events.last_event_times(account, list(numbers)).items():
            newest[numbers[number]] = max(time, newest.get(numbers[number], time))
        return newest
