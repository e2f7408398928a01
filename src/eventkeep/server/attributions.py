"""Attributions of events that are read: computed from the events of their profiles, by the rule of the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from eventkeep.directory import Directory
from eventkeep.events.look_back import PastEvents, PastRange
from eventkeep.events.store import EventStore
from eventkeep.model.account_settings import read_settings
from eventkeep.model.attribution import Rule, Touch, is_creditable_metric, names_message
from eventkeep.model.attribution_settings import SETTING, AttributionSettings
from eventkeep.model.crediting import Candidates, credit_all, look_back_ranges
from eventkeep.model.event import StoredEvent, decode_properties
from eventkeep.server.survivors import Survivors


class Creditable(msgspec.Struct, frozen=True):
    """Events side by side: the number of the surviving profile, the time (Unix seconds) and the properties of each."""

    profiles: Sequence[int]
    times: Sequence[int]
    metrics: Sequence[str]
    properties: Sequence[bytes]


class Attributions:
    """Finds the touches that events are credited to."""

    def __init__(self, directory: Directory, events: EventStore) -> None:
        self._directory, self._events = directory, events

    def of_events(self, account: int, events: Sequence[StoredEvent]) -> dict[tuple[int, int], Touch]:
        """The touches of those events that are credited, by the (time, id) of the event.

        The profiles of the events are the surviving ones.
        """
        metrics = self._directory.metrics.by_numbers(account, {event.metric for event in events})
        found = self.credited(
            account,
            Creditable(
                [event.profile for event in events],
                [event.time for event in events],
                [metrics[event.metric].name for event in events],
                [event.properties for event in events],
            ),
        )
        return {(event.time, event.id): touch for event, touch in zip(events, found, strict=True) if touch is not None}

    def credited(self, account: int, events: Creditable) -> list[Touch | None]:
        """The touch of each event, or None."""
        found: list[Touch | None] = [None] * len(events.times)
        rule = self.rule(account)
        touch_metrics = {
            metric.number: metric.name for metric in self._directory.metrics.named(account, tuple(rule.windows))
        }
        if not touch_metrics:
            return found
        can_be = {metric: is_creditable_metric(metric, rule) for metric in set(events.metrics)}
        places = [
            place
            for place, (metric, properties) in enumerate(zip(events.metrics, events.properties, strict=True))
            if can_be[metric] and not is_of_message(properties)
        ]
        if not places:
            return found
        profiles = [events.profiles[place] for place in places]
        times = [events.times[place] for place in places]
        numbers = self._directory.profiles.merged_into(account, profiles)
        ranges = [
            PastRange(
                first,
                last,
                frozenset(number for place in own for number in (profiles[place], *numbers.get(profiles[place], ()))),
            )
            for first, last, own in look_back_ranges(times, rule.look_back)
        ]
        with self._events.looking_back(account, ranges, frozenset(touch_metrics)) as past:
            if len(past):
                candidates = candidates_of(past, numbers, touch_metrics)
                for place, touch in zip(
                    places, credit_all(profiles, times, candidates, past.properties, rule), strict=True
                ):
                    found[place] = touch
        return found

    def rule(self, account: int) -> Rule:
        """The rule of the account."""
        return read_settings(self._directory.account_settings.get(account, SETTING), AttributionSettings).rule()


def candidates_of(past: PastEvents, merged: Mapping[int, Sequence[int]], metric_names: Mapping[int, str]) -> Candidates:
    """The events as candidates, under the numbers of the surviving profiles."""
    columns = past.columns
    profiles = Survivors.into(merged).of(columns["profile"])
    return Candidates(columns["time"], columns["id"], profiles, columns["metric"], metric_names)


def is_of_message(properties: bytes) -> bool:
    """Whether an event is of a message by its properties, which are decoded only if they may name one."""
    # A name can be written with escapes too.
    may_be = b"$message" in properties or b"$flow" in properties or b"\\u" in properties
    return may_be and names_message(decode_properties(properties))
