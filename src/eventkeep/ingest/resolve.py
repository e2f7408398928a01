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
from eventkeep.ingest.parsing import ParsedCreates
from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from eventkeep.model.identity_resolution import Applied
from eventkeep.model.metric import Metric
from eventkeep.model.submission import ProfileWrite, Submission

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


Refused = list[tuple[ParsedCreates, RequestRefused]]


class Resolver:
    """Writes what a batch changes in the directory and numbers its profiles and metrics."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory, self._clock = directory, clock

    def resolve(self, items: Sequence[ParsedCreates]) -> tuple[list[ResolvedRequest], Refused]:
        """The submissions with their numbers, and those that are refused.

        A refused submission leaves nothing behind. Raises DirectoryError if the transaction fails; nothing is written
        then.
        """
        now_us = int(self._clock.now() * 1_000_000)
        resolved, waiting = self._take_known_singles(items, now_us)
        refused: dict[int, RequestRefused] = {}
        while waiting:
            try:
                resolved += self._resolve_but(refused, waiting, now_us)
                break
            except MetricsExceeded as exceeded:
                # Found only after the profiles were applied: start again without the requests at fault.
                refused.update(dict.fromkeys(exceeded.places, too_many_metrics()))
        return resolved, [(waiting[place], refusal) for place, refusal in refused.items()]

    def _take_known_singles(
        self, items: Sequence[ParsedCreates], now_us: int
    ) -> tuple[list[ResolvedRequest], list[ParsedCreates]]:
        """The single creates that memory alone can resolve, and all other requests, each by itself.

        Memory resolves a profile that was seen lately and does not change, with a metric that exists. Most single
        creates of a busy shop are of that kind; they stay together, as if they were one request.
        """
        taken: list[ResolvedRequest] = []
        rest: list[ParsedCreates] = []
        for item in items:
            account, submission = item.account, item.submission
            if len(submission) > len(item.tickets):
                rest.append(item)
                continue
            numbers = [self._known_profile(account, write) for write in submission.profiles]
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
                taken.append(kept(account, submission, tickets, applied, found, now_us))
        return taken, rest

    def _known_profile(self, account: int, write: ProfileWrite) -> int | None:
        named = write.only_identifier
        return None if named is None else self._directory.profiles.owner((account, *named))

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
                has_value = ~np.isnan(part.resolved.submission.numbers["value"])
                valued = set(part.resolved.metrics[fresh[start : start + events] & has_value].tolist())
                marked |= {number: part.valueless[number] for number in valued & part.valueless.keys()}
                now_us = part.now_us
            start += events
        if marked:
            with self._directory.transaction() as transaction:
                self._directory.metrics.mark_has_value(marked.values(), now_us, transaction)

    def _resolve_but(
        self, refused: dict[int, RequestRefused], waiting: list[ParsedCreates], now_us: int
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
            kept(item.account, item.submission, item.tickets, applied[place], metrics, now_us)
            for place, item in enumerate(waiting)
            if place in applied
        ]

    def _apply(
        self,
        account: int,
        places: list[int],
        waiting: list[ParsedCreates],
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
        written = {place: waiting[place].submission.profiles for place in unsettled}
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
        self, applied: dict[int, Applied], waiting: list[ParsedCreates], now_us: int, transaction: Transaction
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


def kept(
    account: int, submission: Submission, tickets: list[Any], applied: Applied, metrics: MetricNames, now_us: int
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
        now_us,
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
