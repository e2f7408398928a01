"""The import of another server's events, page by page, so that it can be interrupted at any moment.

All events are walked from the oldest to the newest. Each page is sent, and when it is
kept the state file is replaced. A run that is killed goes on after the last page that was
kept, and at the worst sends one page again, which stores no event twice.

While the walk goes on, events arrive at the source. The walk meets those with a time ahead
of it. It does not meet those behind it, so a second pass reads all events since the
time when the walk began, less an overlap for events that arrive late. The next run takes in
events that arrive later still, or with a time before that, as far as their times
lie within the overlap. Only a walk over all events finds one that arrives with an older
time; a new state file begins such a walk.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from eventkeep.client.calls import create_call
from eventkeep.client.errors import InvalidRequestError
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import EventRefused, RowRefused
from eventkeep.exporter.pages import Page, Query
from eventkeep.exporter.records import Record
from eventkeep.exporter.walk import PATIENT, pages
from eventkeep.importer.exported import exported_record
from eventkeep.importer.mapping import MappedRow
from eventkeep.importer.sending import Counts, pack
from eventkeep.importer.state import State, save_state
from eventkeep.protocol.filters import Filter

CURSOR_PARAMETER: Final = "page[cursor]"


class ApiImport:
    """One import from ``source`` into ``target``.

    ``query`` selects the events; its sort is by time, the oldest first. ``on_page`` is
    called after each page that was kept, with the counts and the last event's time.
    ``now`` is the time in Unix seconds.
    """

    def __init__(
        self,
        source: Client,
        target: Client,
        query: Query,
        state_path: Path,
        overlap_seconds: int,
        on_page: Callable[[Counts, int], None],
        now: Callable[[], float],
    ) -> None:
        self.counts = Counts()
        self._source, self._target, self._query = source, target, query
        self._state_path, self._overlap_seconds = state_path, overlap_seconds
        self._on_page, self._now = on_page, now

    def run(self, state: State) -> None:
        """Go on from a state until all is taken in. ``counts`` is right also if it raises.

        Raises EventRefused for an event that the target does not take, ClientError for
        an error of either server, and ConfigurationError if the state can't be saved.
        """
        if state.stage == "done":
            state.begin("walk", self._time(), self._overlap_seconds)
            save_state(self._state_path, state)
        while state.stage != "done":
            self._pass(state)
            if state.stage == "walk":
                state.begin("closing", self._time(), self._overlap_seconds)
            else:
                state.finish()
            save_state(self._state_path, state)

    def _pass(self, state: State) -> None:
        try:
            self._walk(state, state.since, state.cursor)
        except InvalidRequestError as exc:
            if state.cursor is None or CURSOR_PARAMETER not in exc.parameters:
                raise
            # The source does not know its own cursor any more: from the last second again, which costs repeats.
            state.cursor = None
            self._walk(state, state.position, None)

    def _walk(self, state: State, since: int | None, cursor: str | None) -> None:
        query = msgspec.structs.replace(self._query, filter=filter_since(self._query.filter, since))
        for page in pages(self._source, query, cursor):
            self._keep(page)
            if page.records:
                state.position = page.records[-1].time
                state.events += len(page.records)
            state.cursor = page.next_cursor
            save_state(self._state_path, state)
            if state.position is not None:
                self._on_page(self.counts, state.position)

    def _keep(self, page: Page) -> None:
        """Have the events of a page kept by the target, in their order."""

        def refuse(refusal: RowRefused, row: MappedRow) -> None:
            raise _refused(page.records[row.number], refusal.detail)

        rows = [exported_record(number, record) for number, record in enumerate(page.records)]
        for request in list(pack(rows, refuse)):
            # A target that never responded is more likely a wrong URL than a restart.
            policy = PATIENT if self.counts.requests else None
            try:
                created = self._target.perform(
                    create_call("bulk_create_events", request.body()), policy, on_wait=self.counts.add_wait
                ).data
            except InvalidRequestError as exc:
                named = [row for pointer in exc.pointers for row in request.events_at(pointer)]
                if not named:
                    raise
                raise _refused(page.records[named[0].number], "; ".join(map(str, exc.errors))) from exc
            self.counts.add(created, len(request))

    def _time(self) -> int:
        return int(self._now())


def filter_since(filter: str | None, since: int | None) -> str | None:
    """The filter with a lower bound of the time, in Unix seconds, added to it."""
    if since is None:
        return filter
    bound = str(Filter.greater_or_equal("datetime", datetime.datetime.fromtimestamp(since, datetime.UTC)))
    return bound if filter is None else f"{filter},{bound}"


def _refused(record: Record, why: str) -> EventRefused:
    return EventRefused(
        f"the event {record.id} of the source ({record.metric.name!r} with unique_id {record.unique_id!r}) is not "
        f"taken by the target: {why}"
    )
