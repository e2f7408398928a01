"""Names become numbers: the profiles and metrics of a batch, in one directory transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.clock import Clock
from eventkeep.directory import Directory
from eventkeep.directory.database import Transaction
from eventkeep.errors import Fault, InvalidRequest, MetricsExceeded, RequestRefused
from eventkeep.ingest.batch import Resolved
from eventkeep.ingest.queue import SingleGroup, Waiting
from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from eventkeep.model.identity_resolution import Applied
from eventkeep.model.metric import Metric
from eventkeep.model.submission import FLAG_TYPE, NUMBER_TYPE, Submission

MetricNames = dict[tuple[int, str, str], Metric]


class ResolvedRequest(msgspec.Struct):
    """What can be kept of one request, or of several that brought one event each; ``tickets`` in their order.

    ``left`` names identifiers that stay with another profile, and how many they are.
    ``valueless`` holds the metrics, by number, of which no event had a value so far;
    ``now_us`` is when that was, in Unix microseconds.
    """

    tickets: list[Any]
    resolved: Resolved
    left: Mapping[str, int]
    valueless: dict[int, Metric]
    now_us: int


Refused = list[tuple[Waiting, RequestRefused]]


class Resolver:
    """Writes what a batch changes in the directory and numbers its profiles and metrics."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory, self._clock = directory, clock

    def resolve(self, items: Sequence[Waiting | SingleGroup]) -> tuple[list[ResolvedRequest], Refused]:
        """The submissions with their numbers, and those that are refused.

        A refused submission leaves nothing behind. Raises DirectoryError where the
        transaction fails; nothing is written then.
        """
        now_us = int(self._clock.now() * 1_000_000)
        kept, waiting = self._take_together(items, now_us)
        plain, waiting = self._take_plain_singles(waiting, now_us)
        kept += plain
        refused: dict[int, RequestRefused] = {}
        while waiting:
            try:
                kept += self._resolve_but(refused, waiting, now_us)
                break
            except MetricsExceeded as exceeded:
                # Seen only after the profiles were applied: begin again without those that are at fault.
                refused.update(dict.fromkeys(exceeded.places, too_many_metrics()))
        return kept, [(waiting[place], refusal) for place, refusal in refused.items()]

    def _take_together(
        self, items: Sequence[Waiting | SingleGroup], now_us: int
    ) -> tuple[list[ResolvedRequest], list[Waiting]]:
        """What memory alone can resolve among the requests that stand together, and all others, each by itself."""
        taken: list[ResolvedRequest] = []
        rest: list[Waiting] = []
        for item in items:
            if isinstance(item, Waiting):
                rest.append(item)
                continue
            account, submission = item.account, item.submission
            profiles = self._directory.profiles.settled(account, submission.profiles)
            metrics = {
                (account, *name): metric
                for name in submission.metrics
                if (metric := self._directory.metrics.remembered(account, *name)) is not None
            }
            if profiles is None or len(metrics) < len(submission.metrics):
                rest += item.separated()
            else:
                taken.append(kept(account, submission, item.tickets, Applied(profiles, {}), metrics, now_us))
        return taken, rest

    def _take_plain_singles(self, waiting: list[Waiting], now_us: int) -> tuple[list[ResolvedRequest], list[Waiting]]:
        """What memory alone can resolve among the submissions of one event, and the rest.

        The profile is one that was seen lately and does not change, the metric is known:
        so is most of what a busy shop sends. Such are kept together, as if they were one request of each account.
        """
        singles: dict[int, PlainSingles] = {}
        profile_of = self._directory.profiles.owner
        metrics: dict[tuple[int, tuple[str, str]], Metric | None] = {}
        rest: list[Waiting] = []
        for item in waiting:
            submission, account = item.submission, item.account
            if submission.events == 1 and isinstance(submission.profiles, list):
                only_identifier = submission.profiles[0].only_identifier
                profile = None if only_identifier is None else profile_of((account, *only_identifier))
                name = account, submission.metrics[0]
                if name not in metrics:
                    metrics[name] = self._directory.metrics.remembered(account, *submission.metrics[0])
                metric = metrics[name]
                if profile is not None and metric is not None:
                    taken = singles.get(account)
                    if taken is None:
                        taken = singles[account] = PlainSingles()
                    taken.items.append(item)
                    taken.profiles.append(profile)
                    taken.metrics.append(metric)
                    continue
            rest.append(item)
        return [taken.kept(account, now_us) for account, taken in singles.items()], rest

    def note_values(self, parts: Sequence[ResolvedRequest], fresh: npt.NDArray[np.bool_]) -> None:
        """Mark the metrics that get their first value: from then on their events without one read back as 0.

        ``fresh`` says of each event, one part after the other, whether it is going to be stored: the value
        of a repeat is none. Raises DirectoryError where the transaction fails; nothing is written then.
        """
        marked: dict[int, Metric] = {}
        start = now_us = 0
        for part in parts:
            events = len(part.resolved.metrics)
            if part.valueless:
                has_value = np.frombuffer(part.resolved.submission.has_value, dtype=FLAG_TYPE)
                valued = set(part.resolved.metrics[fresh[start : start + events] & has_value].tolist())
                marked |= {number: part.valueless[number] for number in valued & part.valueless.keys()}
                now_us = part.now_us
            start += events
        if marked:
            with self._directory.transaction() as transaction:
                self._directory.metrics.mark_has_value(marked.values(), now_us, transaction)

    def _resolve_but(
        self, refused: dict[int, RequestRefused], waiting: list[Waiting], now_us: int
    ) -> list[ResolvedRequest]:
        """What can be kept but those in ``refused``, by their places, to which others are added."""
        applied: dict[int, Applied] = {}
        answers = dict(refused)
        with self._directory.transaction() as transaction:
            for account in dict.fromkeys(item.account for item in waiting):
                places = [
                    place for place, item in enumerate(waiting) if item.account == account and place not in refused
                ]
                self._apply(account, places, waiting, now_us, transaction, applied, answers)
            metrics = self._metrics(applied, waiting, now_us, transaction)
        refused.update(answers)
        return [
            kept(item.account, item.submission, [item.ticket], applied[place], metrics, now_us)
            for place, item in enumerate(waiting)
            if place in applied
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
                applied[place] = Applied(numbers, {})
        if not unsettled:
            return
        written = {place: waiting[place].submission.writes() for place in unsettled}
        writes = [write for place in unsettled for write in written[place]]
        roster = profiles.load_identities(account, writes, transaction)
        for place in unsettled:
            try:
                applied[place] = roster.apply(written[place], now_us, waiting[place].submission.pointers)
            except InvalidRequest as refusal:
                # With its traceback it would hold the batch, and itself, until the collector comes by.
                answers[place] = refusal.with_traceback(None)
        profiles.flush(roster, transaction)

    def _metrics(
        self, applied: dict[int, Applied], waiting: list[Waiting], now_us: int, transaction: Transaction
    ) -> MetricNames:
        """The metrics of the submissions that were applied, made where there was none."""
        named = {place: waiting[place].submission.metrics for place in applied}
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
        return resolved.found


class PlainSingles(msgspec.Struct):
    """Submissions of one event each, of one account, with the profile's number and the metric of each."""

    items: list[Waiting] = []
    profiles: list[int] = []
    metrics: list[Metric] = []

    def kept(self, account: int, now_us: int) -> ResolvedRequest:
        return ResolvedRequest(
            [item.ticket for item in self.items],
            Resolved(
                account,
                joined([item.submission for item in self.items]),
                np.array(self.profiles, dtype=np.uint64),
                np.array([metric.number for metric in self.metrics], dtype=np.uint32),
            ),
            {},
            {metric.number: metric for metric in self.metrics if not metric.has_value},
            now_us,
        )


def joined(singles: Sequence[Submission]) -> Submission:
    """The events of submissions of one event each, side by side; who they are of is known already."""
    return Submission(
        events=len(singles),
        profiles=[],
        pointers=(),
        profile_index=b"",
        metrics=[],
        metric_index=b"",
        time=b"".join([single.time for single in singles]),
        unique_id=b"".join([single.unique_id for single in singles]),
        unique_id_bytes=b"".join([single.unique_id_bytes for single in singles]),
        unique_id_hash=b"".join([single.unique_id_hash for single in singles]),
        value=b"".join([single.value for single in singles]),
        has_value=b"".join([single.has_value for single in singles]),
        currency=b"".join([single.currency for single in singles]),
        currency_bytes=b"".join([single.currency_bytes for single in singles]),
        properties=b"".join([single.properties for single in singles]),
        property_bytes=b"".join([single.property_bytes for single in singles]),
        body_bytes=sum([single.body_bytes for single in singles]),
    )


def kept(
    account: int, submission: Submission, tickets: list[Any], applied: Applied, metrics: MetricNames, now_us: int
) -> ResolvedRequest:
    """The submission with its numbers, one per event."""
    own = [metrics[account, *pair] for pair in submission.metrics]
    profile_numbers = np.array(applied.numbers, dtype=np.uint64)
    metric_numbers = np.array([metric.number for metric in own], dtype=np.uint32)
    return ResolvedRequest(
        tickets,
        Resolved(
            account,
            submission,
            profile_numbers[np.frombuffer(submission.profile_index, dtype=NUMBER_TYPE)],
            metric_numbers[np.frombuffer(submission.metric_index, dtype=NUMBER_TYPE)],
        ),
        applied.left,
        {metric.number: metric for metric in own if not metric.has_value},
        now_us,
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
