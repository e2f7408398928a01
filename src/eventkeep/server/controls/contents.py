"""The contents of an account as tests see them: expected events, near misses, and a seed that makes them again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from eventkeep.errors import InvalidRequest
from eventkeep.events.selection import EventSelection
from eventkeep.limits import PAGE_EVENTS_MAX, SEED_DUMPED_MAX
from eventkeep.model.event import StoredEvent, decode_properties
from eventkeep.model.event_count import total
from eventkeep.model.profile import Profile
from eventkeep.server.services import Services
from eventkeep.standin.journal import Expectation, near_miss
from eventkeep.standin.seed import SeedAccount, SeedEvent

EXPECTED_AMONG_MAX: Final = 1_000
"""Newest events among which an expected one is looked for."""
IDENTIFIERS: Final = ("external_id", "email", "phone_number", "anonymous_id")
ATTRIBUTES: Final = (*IDENTIFIERS, "first_name", "last_name", "organization", "locale", "title", "image")


class Contents:
    """Reads the stores, in any thread."""

    def __init__(self, services: Services) -> None:
        self._directory, self._events = services.directory, services.events

    def expect(self, account: int, expected: Expectation) -> dict[str, Any]:
        """The newest event with the expected values, or the closest one with its differences."""
        wanted = expected.wanted()
        shown = [shown_event(event, expected.profile) for event in self._named(account, EXPECTED_AMONG_MAX)]
        matching = [event for event in shown if all(event.get(name) == wanted[name] for name in wanted)]
        miss = near_miss(wanted, reversed(shown))
        return {
            "found": matching[0] if matching else None,
            "count": len(matching),
            "closest": miss.closest,
            "differences": miss.differences,
            "message": f"{len(matching)} events match" if matching else str(miss),
        }

    def dump(self, account: int) -> SeedAccount:
        """A seed that makes the account again, without its keys. Raises InvalidRequest if it is too large."""
        directory = self._directory
        named = directory.accounts.by_number(account)
        if total(self._events.counts(account).values()).events > SEED_DUMPED_MAX:
            raise InvalidRequest(f"An account with more than {SEED_DUMPED_MAX:,} events can't be dumped; export them.")
        profiles: list[Profile] = []
        while part := directory.profiles.list(account, profiles[-1].number if profiles else None):
            profiles += part
            if len(profiles) > SEED_DUMPED_MAX:
                raise InvalidRequest(f"An account with more than {SEED_DUMPED_MAX:,} profiles can't be dumped.")
        return SeedAccount(
            name=named.name if named is not None else "default",
            metrics=tuple(metric.name for metric in directory.metrics.list(account, count=SEED_DUMPED_MAX)),
            profiles=tuple(attributes_of(profile) for profile in profiles),
            events=tuple(seed_event(*named) for named in self._named(account, SEED_DUMPED_MAX)),
        )

    def _named(self, account: int, count: int) -> Iterator[tuple[StoredEvent, str, Profile]]:
        """The newest events with the names of their metrics and their profiles, the newest first."""
        after: tuple[int, int] | None = None
        while count > 0:
            page = self._events.page(EventSelection(account=account, count=min(count, PAGE_EVENTS_MAX), after=after))
            if not page:
                return
            survivors = self._directory.profiles.survivors(account, {event.profile for event in page})
            numbers = {event.profile: survivors.get(event.profile, event.profile) for event in page}
            profiles = self._directory.profiles.by_numbers(account, numbers.values())
            metrics = self._directory.metrics.by_numbers(account, {event.metric for event in page})
            for event in page:
                yield event, metrics[event.metric].name, profiles[numbers[event.profile]]
            count -= len(page)
            after = page[-1].time, page[-1].id


def shown_event(named: tuple[StoredEvent, str, Profile], wanted_profile: str | None) -> dict[str, Any]:
    """An event in plain values; ``profile`` is the wanted identifier if it is one of the profile's."""
    event, metric, profile = named
    identifiers = [value for name in ("email", *IDENTIFIERS, "id") if (value := getattr(profile, name)) is not None]
    return {
        "metric": metric,
        "profile": wanted_profile if wanted_profile in identifiers else identifiers[0],
        "value": event.value,
        "unique_id": event.unique_id,
        **{f"properties.{name}": value for name, value in decode_properties(event.properties).items()},
    }


def seed_event(event: StoredEvent, metric: str, profile: Profile) -> SeedEvent:
    identifiers = {name: value for name in IDENTIFIERS if (value := getattr(profile, name)) is not None}
    return SeedEvent(
        metric=metric,
        profile=identifiers or {"anonymous_id": profile.id},
        time=datetime.fromtimestamp(event.time, UTC).isoformat(),
        value=event.value,
        value_currency=event.currency or None,
        unique_id=event.unique_id,
        properties=decode_properties(event.properties),
    )


def attributes_of(profile: Profile) -> dict[str, Any]:
    """The attributes of a profile that are set."""
    plain = {name: value for name in ATTRIBUTES if (value := getattr(profile, name)) is not None}
    nested = {"location": profile.location, "properties": profile.properties}
    return plain | {name: value for name, value in nested.items() if value}
