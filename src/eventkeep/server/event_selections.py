"""From the bounds of a filter, which name metrics and a profile by id, to a selection of the event store."""

from __future__ import annotations

from eventkeep.directory import Directory
from eventkeep.events.selection import EventSelection
from eventkeep.protocol.reads.conditions import EventBounds, unknown_metrics


class EventSelections:
    """Looks names up in the directory. Any thread may call."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of(
        self, account: int, bounds: EventBounds, *, count: int, descending: bool, after: tuple[int, int] | None
    ) -> EventSelection | None:
        """The selection of ``count`` events behind the (time, id) ``after``; None if no event can meet the bounds.

        Raises InvalidRequest if the bounds name a metric that does not exist.
        """
        metrics = self._metric_numbers(account, bounds)
        profile = None
        if bounds.profile_id is not None:
            profile = self._directory.profiles.find_id(account, bounds.profile_id)
        if bounds.is_empty or (profile is None) != (bounds.profile_id is None):
            return None
        numbers = None if profile is None else frozenset(self._directory.profiles.numbers_of(account, profile))
        return EventSelection(
            account=account,
            count=count,
            descending=descending,
            time_min=bounds.time_min,
            time_max=bounds.time_max,
            metrics=metrics,
            profiles=numbers,
            after=after,
        )

    def _metric_numbers(self, account: int, bounds: EventBounds) -> frozenset[int] | None:
        """The numbers of the metrics that the filter chooses, None for all. Raises InvalidRequest for unknown ids."""
        if bounds.metric_ids is None:
            return None
        numbers = {id: self._directory.metrics.find_id(account, id) for id in bounds.named_metric_ids}
        if unknown := [id for id, metric in numbers.items() if metric is None]:
            raise unknown_metrics(unknown)
        return frozenset(
            metric.number for id, metric in numbers.items() if metric is not None and id in bounds.metric_ids
        )
