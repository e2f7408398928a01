"""Names become numbers: the profiles and metrics of a batch, in one directory transaction."""

from __future__ import annotations

import msgspec

from eventkeep.clock import Clock
from eventkeep.directory import Directory
from eventkeep.directory.database import Transaction
from eventkeep.errors import Fault, InvalidRequest, RequestRefused
from eventkeep.ingest.batch import Resolved
from eventkeep.ingest.queue import Waiting
from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from eventkeep.model.metric import Metric
from eventkeep.model.submission import Submission

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
        now_us = int(self._clock.now() * 1_000_000)
        answers: list[Kept | RequestRefused] = [InvalidRequest("not resolved")] * len(waiting)
        with self._directory.transaction() as transaction:
            metrics = self._metrics(waiting, now_us, transaction)
            for account in dict.fromkeys(item.account for item in waiting):
                places = [place for place, item in enumerate(waiting) if item.account == account]
                mine = [waiting[place].submission for place in places]
                for place, answer in zip(places, self._resolve_account(account, mine, metrics, now_us, transaction), strict=True):
                    answers[place] = answer
            self._mark_values(waiting, answers, metrics, now_us, transaction)
        return answers

    def _resolve_account(
        self, account: int, submissions: list[Submission], metrics: MetricNames, now_us: int, transaction: Transaction
    ) -> list[Kept | RequestRefused]:
        profiles = self._directory.profiles
        writes = [write for submission in submissions for write in submission.profiles]
        roster = profiles.load_roster(account, writes, transaction)
        answers: list[Kept | RequestRefused] = []
        for submission in submissions:
            numbers = {pair: metrics[account, *pair].number for pair in set(submission.metric) if (account, *pair) in metrics}
            try:
                if len(numbers) < len(set(submission.metric)):
                    raise too_many_metrics()
                applied = roster.apply(submission.profiles, now_us)
            except InvalidRequest as refusal:
                answers.append(refusal)
            else:
                profile_numbers = [applied.numbers[index] for index in submission.profile_index]
                metric_numbers = [numbers[pair] for pair in submission.metric]
                answers.append(Kept(Resolved(account, submission, profile_numbers, metric_numbers), applied.left))
        profiles.flush(roster, transaction)
        return answers

    def _metrics(self, waiting: list[Waiting], now_us: int, transaction: Transaction) -> MetricNames:
        names = {(item.account, *pair): None for item in waiting for pair in dict.fromkeys(item.submission.metric)}
        return self._directory.metrics.resolve(names, now_us, transaction).found

    def _mark_values(
        self,
        waiting: list[Waiting],
        answers: list[Kept | RequestRefused],
        metrics: MetricNames,
        now_us: int,
        transaction: Transaction,
    ) -> None:
        """Note the metrics that get their first value: their events without one read back as 0 from then on."""
        without = {name for name, metric in metrics.items() if not metric.has_value}
        if not without:
            return
        valued = {
            (item.account, *pair)
            for item, answer in zip(waiting, answers, strict=True)
            if isinstance(answer, Kept)
            for pair, value in zip(item.submission.metric, item.submission.value, strict=True)
            if value is not None
        }
        self._directory.metrics.mark_has_value([metrics[name] for name in without & valued], now_us, transaction)


def too_many_metrics() -> InvalidRequest:
    return InvalidRequest(
        [
            Fault(
                f"An account has at most {METRICS_PER_ACCOUNT_MAX} metrics, and this request would make another.",
                pointer="/data/attributes",
            )
        ]
    )
