"""Names become numbers: the profiles and metrics of a batch, found or made, without changing anything yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from eventkeep.clock import Clock, microseconds
from eventkeep.directory import Directory
from eventkeep.directory.changes import Change
from eventkeep.directory.metrics import metric_changes
from eventkeep.directory.pending import MetricName, Pending
from eventkeep.directory.profiles import resolution_changes
from eventkeep.errors import Fault, InvalidRequest, MetricsExceeded, RequestRefused
from eventkeep.ingest.batch import Batch, Resolved
from eventkeep.ingest.parsing import ParsedCreates
from eventkeep.ingest.unknown_profiles import SettledNotes, UnknownProfiles
from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from eventkeep.model.event_columns import Flags
from eventkeep.model.identity_resolution import Applied, IdentityResolution
from eventkeep.model.metric import Metric
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import Submission

MetricNames = dict[MetricName, Metric]


class ResolvedRequest(msgspec.Struct):
    """The storable part of one request, or of several that brought one event each; ``tickets`` in their order.

    ``left`` names identifiers that stay with another profile, and how many they are. ``valueless`` holds the metrics,
    by number, that had no event with a value so far.
    """

    tickets: list[Any]
    resolved: Resolved
    left: Mapping[str, int]
    valueless: dict[int, Metric]


class Resolution(msgspec.Struct):
    """The outcome of a batch: the requests that can be stored, those that are refused, and their changes.

    ``now_us`` is the time of the batch in Unix microseconds. ``profile_changes`` are changes of profiles and
    identifiers; the metrics that change are in ``pending`` only, until `changes` is called. ``settled`` has the keys of
    profiles that a write of the batch was said not to change, because it changed nothing the last time; only if the
    resolution ``trusts_settled``.
    """

    now_us: int
    pending: Pending
    trusts_settled: bool
    settled: set[int] = set()
    requests: list[ResolvedRequest] = []
    refused: list[tuple[ParsedCreates, RequestRefused]] = []
    profile_changes: list[Change] = []

    def note_values(self, fresh: Flags) -> list[Metric]:
        """The metrics that get their first value: from then on their events without one read back as 0.

        ``fresh`` says of each event, one request after the other, whether it is going to be stored: the value of a
        duplicate is none.
        """
        marked: dict[tuple[int, int], Metric] = {}
        start = 0
        for part in self.requests:
            events = len(part.resolved.metrics)
            if part.valueless:
                has_value = ~np.isnan(part.resolved.submission.numbers["value"])
                valued = set(part.resolved.metrics[fresh[start : start + events] & has_value].tolist())
                for number in valued & part.valueless.keys():
                    marked[part.resolved.account, number] = part.valueless[number]
            start += events
        return list(marked.values())

    def changes(self) -> list[Change]:
        """All changes of the batch; metrics first, because nothing is before them."""
        return [*metric_changes(self.pending), *self.profile_changes]


class Resolver:
    """Numbers the profiles and metrics of a batch, and computes its changes to the directory."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory, self._clock = directory, clock

    def resolve(self, items: Sequence[ParsedCreates], before: Pending | None) -> Resolution:
        """Resolve a batch against the applied state and the changes of ``before``.

        A refused request leaves nothing behind. Raises DirectoryError if the directory can't be read.
        """
        now_us = microseconds(self._clock)
        resolution = self._attempt(items, now_us, before, trusts_settled=True)
        if resolution.settled.isdisjoint(resolution.pending.profiles):
            return resolution
        # A profile that a write was said not to change is changed by another one of the batch: the order counts.
        return self._attempt(items, now_us, before, trusts_settled=False)

    def _attempt(
        self, items: Sequence[ParsedCreates], now_us: int, before: Pending | None, trusts_settled: bool
    ) -> Resolution:
        refused: dict[int, RequestRefused] = {}
        while True:
            resolution = Resolution(now_us, Pending(before), trusts_settled)
            waiting = self._take_known_singles(items, resolution)
            try:
                self._resolve_but(refused, waiting, resolution)
            except MetricsExceeded as exceeded:
                # Found only after the profiles were resolved: start again without the requests at fault.
                refused.update(dict.fromkeys(exceeded.places, too_many_metrics()))
                continue
            resolution.refused = [(waiting[place], refusal) for place, refusal in refused.items()]
            return resolution

    def merged_numbers(self, batch: Batch) -> Iterator[tuple[int, int, list[int]]]:
        """Each profile of the batch that others were merged into: its account, its number, and their numbers."""
        profiles = self._directory.profiles
        if profiles.has_merges:
            for account, numbers in batch.profiles_of().items():
                for number, merged in profiles.merged_into(account, numbers).items():
                    yield account, number, merged

    def mark_values(self, resolution: Resolution, fresh: Flags) -> None:
        """Note in the resolution which metrics get their first value."""
        for each in resolution.note_values(fresh):
            self._directory.metrics.mark_has_value([each], self._now_us(each.account), resolution.pending)

    def _now_us(self, account: int) -> int:
        return microseconds(self._clock.of(account))

    def _take_known_singles(self, items: Sequence[ParsedCreates], resolution: Resolution) -> list[ParsedCreates]:
        """Resolve the single creates that memory alone can resolve; returns all other requests, each by itself.

        Memory resolves a profile that was seen lately and does not change, with a metric that exists. Most single
        creates of a busy shop are of that kind; they stay together, as if they were one request.
        """
        rest: list[ParsedCreates] = []
        for item in items:
            account, submission = item.account, item.submission
            if len(submission) > len(item.tickets):
                rest.append(item)
                continue
            numbers = self._known_profiles(account, submission.profiles, resolution)
            names = {name: self._directory.metrics.remembered(account, *name) for name in submission.metrics}
            has_metric = [names[submission.metrics[place]] is not None for place in metric_places(submission)]
            known = [place for place, number in enumerate(numbers) if number is not None and has_metric[place]]
            if len(known) < len(numbers):
                alone = item.separated()
                rest += [alone[place] for place in sorted(set(range(len(alone))).difference(known))]
                submission = submission.take(np.array(known, dtype=np.intp))
            if known:
                applied = Applied([number for place in known if (number := numbers[place]) is not None], {})
                found = {(account, *name): metric for name, metric in names.items() if metric is not None}
                tickets = [item.tickets[place] for place in known]
                resolution.requests.append(numbered(account, submission, tickets, applied, found))
        return rest

    def _known_profiles(self, account: int, writes: Sequence[ProfileWrite], resolution: Resolution) -> list[int | None]:
        """The number of each write's profile, None if memory alone can't tell that the write changes nothing."""
        settled = resolution.settled if resolution.trusts_settled else None
        return self._directory.profiles.known(account, writes, resolution.pending, settled)

    def _resolve_but(
        self, refused: dict[int, RequestRefused], waiting: list[ParsedCreates], resolution: Resolution
    ) -> None:
        """Resolve all requests but those in ``refused``, by their places, to which others are added.

        Raises MetricsExceeded; then ``resolution`` is of no use.
        """
        applied: dict[int, Applied] = {}
        refusals = dict(refused)
        for account in dict.fromkeys(item.account for item in waiting):
            places = [place for place, item in enumerate(waiting) if item.account == account and place not in refused]
            resolved = self._apply(account, places, waiting, resolution, applied, refusals)
            if resolved is not None:
                resolution.profile_changes += resolution_changes(resolved, resolution.pending)
        metrics = self._metrics(applied, waiting, resolution)
        refused.update(refusals)
        resolution.requests += [
            numbered(item.account, item.submission, item.tickets, applied[place], metrics)
            for place, item in enumerate(waiting)
            if place in applied
        ]

    def _apply(
        self,
        account: int,
        places: list[int],
        waiting: list[ParsedCreates],
        resolution: Resolution,
        applied: dict[int, Applied],
        refusals: dict[int, RequestRefused],
    ) -> IdentityResolution | None:
        """Resolve the profiles of one account's requests; each ends in ``applied`` or in ``refusals``.

        Returns None if memory alone could tell that nothing changes.
        """
        unknown: dict[int, UnknownProfiles] = {}
        for place in places:
            submission = waiting[place].submission
            numbers = self._known_profiles(account, submission.profiles, resolution)
            if None in numbers:
                unknown[place] = UnknownProfiles(submission, numbers)
            else:
                applied[place] = Applied([number for number in numbers if number is not None], {})
        if not unknown:
            return None
        writes = [write for part in unknown.values() for write in part.writes]
        resolved = self._directory.profiles.load_identities(account, writes, resolution.pending)
        notes, now_us = SettledNotes(account), self._now_us(account)
        for place, part in unknown.items():
            try:
                made = resolved.apply(part.writes, now_us, part.pointers)
            except InvalidRequest as refusal:
                # Its traceback would keep the batch in memory until the garbage collector runs.
                refusals[place] = refusal.with_traceback(None)
            else:
                applied[place] = part.applied(made)
                notes.take(part.writes, made)
        resolution.pending.settled.update(notes.settled(resolved.changed))
        return resolved

    def _metrics(
        self, applied: dict[int, Applied], waiting: list[ParsedCreates], resolution: Resolution
    ) -> MetricNames:
        """The metrics of the requests that were applied, made if there are none."""
        named = {place: waiting[place].submission.metrics for place in applied}
        # Accounts with one clock together: nearly always that is all of them.
        names: dict[Clock, dict[MetricName, None]] = {}
        for place, pairs in named.items():
            account = waiting[place].account
            names.setdefault(self._clock.of(account), {}).update(dict.fromkeys((account, *pair) for pair in pairs))
        found: MetricNames = {}
        refused: set[MetricName] = set()
        for clock, of_clock in names.items():
            resolved = self._directory.metrics.resolve(of_clock, microseconds(clock), resolution.pending)
            found.update(resolved.found)
            refused |= resolved.refused
        if refused:
            raise MetricsExceeded(
                [
                    place
                    for place, pairs in named.items()
                    if any((waiting[place].account, *pair) in refused for pair in pairs)
                ]
            )
        return found


def numbered(
    account: int, submission: Submission, tickets: list[Any], applied: Applied, metrics: MetricNames
) -> ResolvedRequest:
    """The submission with its numbers, one per event."""
    own = [metrics[account, *pair] for pair in submission.metrics]
    profile_numbers = np.array(applied.numbers, dtype=np.uint32)
    metric_numbers = np.array([metric.number for metric in own], dtype=np.uint32)
    return ResolvedRequest(
        tickets,
        Resolved(
            account,
            submission,
            profile_numbers[submission.numbers["profile_index"]],
            metric_numbers[submission.numbers["metric_index"]],
        ),
        applied.left,
        {metric.number: metric for metric in own if not metric.has_value},
    )


def metric_places(submission: Submission) -> list[int]:
    """The place of each event's metric in the submission's list."""
    places: list[int] = submission.numbers["metric_index"].tolist()
    return places


def too_many_metrics() -> InvalidRequest:
    return InvalidRequest(
        [
            Fault(
                f"An account has at most {METRICS_PER_ACCOUNT_MAX} metrics, and this request would make another.",
                pointer="/data/attributes",
            )
        ]
    )
