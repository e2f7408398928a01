"""Names become numbers: the profiles and metrics of a batch, in one directory transaction."""

from __future__ import annotations

import msgspec

from eventkeep.clock import Clock
from eventkeep.directory import Directory
from eventkeep.directory.database import Transaction
from eventkeep.errors import Fault, InvalidRequest, MetricsExceeded, RequestRefused
from eventkeep.ingest.batch import Resolved
from eventkeep.ingest.queue import Waiting
from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from eventkeep.model.metric import Metric
from eventkeep.model.roster import Applied

MetricNames = dict[tuple[int, str, str], Metric]


class Kept(msgspec.Struct):
    """A submission that can be kept. ``left`` names identifiers that stay with another profile."""

    resolved: Resolved
    left: frozenset[str]


class Resolver:
    """Writes what a batch changes in the directory and numbers its profiles and metrics."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory, self._clock = directory, clock

    def resolve(self, waiting: list[Waiting]) -> list[Kept | RequestRefused]:
        """For each submission, in order: its numbers, or why it is refused.

        A refused submission leaves nothing behind. Raises DirectoryError where the
        transaction fails; nothing is written then.
        """
        refused: dict[int, RequestRefused] = {}
        while True:
            try:
                return self._resolve_but(refused, waiting)
            except MetricsExceeded as exceeded:
                # Seen only after the profiles were applied: begin again without those that are at fault.
                refused.update(dict.fromkeys(exceeded.places, too_many_metrics()))

    def _resolve_but(self, refused: dict[int, RequestRefused], waiting: list[Waiting]) -> list[Kept | RequestRefused]:
        now_us = int(self._clock.now() * 1_000_000)
        applied: dict[int, Applied] = {}
        answers = dict(refused)
        with self._directory.transaction() as transaction:
            for account in dict.fromkeys(item.account for item in waiting):
                places = [
                    place for place, item in enumerate(waiting) if item.account == account and place not in refused
                ]
                self._apply(account, places, waiting, now_us, transaction, applied, answers)
            metrics = self._metrics(applied, waiting, now_us, transaction)
        return [
            kept(item, applied[place], metrics) if place in applied else answers[place]
            for place, item in enumerate(waiting)
        ]

    def _apply(
        self,
        account: int,
        places: list[int],
        waiting: list[Waiting],
        now_us: int,
        transaction: Transaction,
        applied: dict[int, Applied],
        answers: dict[int, RequestRefused],
    ) -> None:
        """Apply the profile writes of one account's submissions; each ends in ``applied`` or in ``answers``."""
        profiles = self._directory.profiles
        unsettled: list[int] = []
        for place in places:
            numbers = profiles.settled(account, waiting[place].submission.profiles)
            if numbers is None:
                unsettled.append(place)
            else:
                applied[place] = Applied(numbers, frozenset())
        if not unsettled:
            return
        writes = [write for place in unsettled for write in waiting[place].submission.profiles]
        roster = profiles.load_roster(account, writes, transaction)
        for place in unsettled:
            try:
                submission = waiting[place].submission
                applied[place] = roster.apply(submission.profiles, now_us, submission.pointers)
            except InvalidRequest as refusal:
                answers[place] = refusal
        profiles.flush(roster, transaction)

    def _metrics(
        self, applied: dict[int, Applied], waiting: list[Waiting], now_us: int, transaction: Transaction
    ) -> MetricNames:
        """The metrics of the submissions that were applied, made or marked as they need it.

        Metrics that get their first value are marked: from then on their events without
        one read back as 0.
        """
        named = {place: set(waiting[place].submission.metric) for place in applied}
        names = dict.fromkeys((waiting[place].account, *pair) for place, pairs in named.items() for pair in pairs)
        resolved = self._directory.metrics.resolve(names, now_us, transaction)
        if resolved.refused:
            raise MetricsExceeded(
                [
                    place
                    for place, pairs in named.items()
                    if any((waiting[place].account, *pair) in resolved.refused for pair in pairs)
                ]
            )
        without = {name for name, metric in resolved.found.items() if not metric.has_value}
        if without:
            valued = {
                (waiting[place].account, *pair)
                for place in applied
                for pair, value in zip(waiting[place].submission.metric, waiting[place].submission.value, strict=True)
                if value is not None
            }
            marked = [resolved.found[name] for name in without & valued]
            self._directory.metrics.mark_has_value(marked, now_us, transaction)
        return resolved.found


def kept(item: Waiting, applied: Applied, metrics: MetricNames) -> Kept:
    """The submission with its numbers, one per event."""
    submission = item.submission
    metric_numbers = {pair: metrics[item.account, *pair].number for pair in set(submission.metric)}
    return Kept(
        Resolved(
            item.account,
            submission,
            [applied.numbers[index] for index in submission.profile_index],
            [metric_numbers[pair] for pair in submission.metric],
        ),
        applied.left,
    )


def too_many_metrics() -> InvalidRequest:
    return InvalidRequest(
        [
            Fault(
                f"An account has at most {METRICS_PER_ACCOUNT_MAX} metrics, and this request would make another.",
                pointer="/data/attributes",
            )
        ]
    )
