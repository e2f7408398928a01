"""The rows of a scan: events of an account with the names of their metrics and profiles, as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
import numpy as np

from eventkeep.directory import Directory
from eventkeep.model.event_columns import EventColumns, Places
from eventkeep.model.metric import Metric
from eventkeep.model.profile import StoredProfile
from eventkeep.native.row_writer import RowBuffer
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.rows.columns import API_SERVICE
from eventkeep.protocol.rows.order import order_within_seconds
from eventkeep.protocol.rows.profile_columns import profile_columns, profile_fields, profile_members
from eventkeep.protocol.rows.writer import RowNames, joined_texts, texts_of, write_rows

SCAN_PROFILE_BYTES_MAX: Final = 32_000_000
"""Bytes of the texts of profiles that one scan keeps; past them it begins anew."""
_PROFILE_OVERHEAD_BYTES: Final = 700
"""Bytes of a profile's entry in memory beside its texts, about."""

_encode = msgspec.json.Encoder().encode


class NamedProfile(NamedTuple):
    """A profile as rows show it: its members, its id as one, and its identifiers in a form that sorts as they do."""

    members: bytes
    id: bytes
    identity: bytes


class NamedMetric(NamedTuple):
    """A metric as rows show it: its members, its id as one, and its name and service to sort by."""

    members: bytes
    id: bytes
    order: tuple[str, str]


class ScanRows:
    """Writes the rows of one scan. One thread's at a time.

    A profile is read once for all of its events, as long as there is room for its texts.
    """

    def __init__(self, directory: Directory, account: int, revision: Revision, *, has_ids: bool) -> None:
        self._directory, self._account, self._has_ids = directory, account, has_ids
        self._fields = frozenset(profile_fields(revision))
        self._profiles: dict[int, NamedProfile] = {}
        self._bytes = 0
        self._metrics: dict[int, NamedMetric] = {}
        self._buffer = RowBuffer()

    def write(self, events: EventColumns) -> bytes | memoryview:
        """The rows of events that are sorted by time; those of one second in an order that every server has.

        They stay until the next call.
        """
        metric_numbers, metric_of = np.unique(events.numbers["metric"], return_inverse=True)
        profile_numbers, profile_of = np.unique(events.numbers["profile"], return_inverse=True)
        found = self._directory.metrics.by_numbers(self._account, metric_numbers.tolist())
        metrics = [self._metric(found[number]) for number in metric_numbers.tolist()]
        profiles = self._named_profiles(profile_numbers.tolist())
        has_values = np.array([found[number].has_value for number in metric_numbers.tolist()])[metric_of]
        names = RowNames(
            metrics=[each.members for each in metrics],
            metric_ids=[each.id for each in metrics],
            metric_of=metric_of,
            profiles=[each.members for each in profiles],
            profile_ids=[each.id for each in profiles],
            profile_of=profile_of,
        )
        order = in_order(events, metric_of, metrics, profile_of, profiles)
        return write_rows(events, has_values, names, order, self._buffer, has_ids=self._has_ids)

    def _metric(self, metric: Metric) -> NamedMetric:
        known = self._metrics.get(metric.number)
        if known is None:
            name, service = metric.name, metric.service or API_SERVICE
            members = b'"metric":%b,"service":%b' % (_encode(name), _encode(service))
            known = NamedMetric(members, b'"metric_id":%b' % _encode(metric.id), (name, service))
            self._metrics[metric.number] = known
        return known

    def _named_profiles(self, numbers: list[int]) -> list[NamedProfile]:
        if self._bytes > SCAN_PROFILE_BYTES_MAX:
            self._profiles, self._bytes = {}, 0
        known = self._profiles
        if missing := [number for number in numbers if number not in known]:
            survivors = self._survivors(missing)
            for number in missing:
                named = self._named(survivors[number])
                known[number] = named
                self._bytes += len(named.members) + _PROFILE_OVERHEAD_BYTES
        return [known[number] for number in numbers]

    def _survivors(self, numbers: Iterable[int]) -> dict[int, StoredProfile]:
        """The profile of each number, the surviving one if it was merged into another."""
        profiles, wanted = self._directory.profiles, set(numbers)
        found = profiles.stored(self._account, wanted)
        # A profile may be merged between two look-ups, and its survivor then, too.
        while merged := wanted - found.keys():
            survivors = profiles.survivors(self._account, merged)
            others = profiles.stored(self._account, set(survivors.values()))
            found.update({number: others[into] for number, into in survivors.items() if into in others})
            if not survivors:
                break
        return found

    def _named(self, profile: StoredProfile) -> NamedProfile:
        columns = profile_columns(profile, self._fields)
        identity = "\0".join(columns.identity).encode()
        return NamedProfile(profile_members(columns), b'"profile_id":%b' % _encode(profile.id), identity)


def in_order(
    events: EventColumns,
    metric_of: Places,
    metrics: list[NamedMetric],
    profile_of: Places,
    profiles: list[NamedProfile],
) -> Places:
    """The order of the rows (shape [n]): by time as the events are, and within a second by their names."""
    times = events.numbers["time"]
    if not (times[1:] == times[:-1]).any():
        return np.arange(len(times))
    ranks = np.empty(len(metrics), dtype=np.uint32)
    ranks[sorted(range(len(metrics)), key=lambda place: metrics[place].order)] = np.arange(len(metrics))
    identities = joined_texts([profile.identity for profile in profiles]).take(profile_of)
    return order_within_seconds(times, ranks[metric_of], texts_of(events.texts["unique_id"]), identities)
