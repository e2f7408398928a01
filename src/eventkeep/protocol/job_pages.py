"""Pages of jobs, and of the contents of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from eventkeep.limits import PAGE_PROFILES_DEFAULT
from eventkeep.model.job import Job, JobKind
from eventkeep.protocol.cursors import invalid_cursor, parse_place, print_place
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.queries import Query

Item = TypeVar("Item")

_NUMBER_BYTES = 8


class JobsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of a page: those behind the number ``after``; ``statuses`` None means any."""

    query: Query
    question: bytes
    statuses: frozenset[str] | None
    has_group: bool
    descending: bool
    after: int | None
    page_size: int

    def find(self, find: Callable[..., list[Job]], account: int, kind: JobKind) -> list[Job]:
        """One job more than the page has. There are no jobs of a list or a segment."""
        if self.has_group:
            return []
        return find(
            account,
            kind,
            statuses=self.statuses,
            after=self.after,
            descending=self.descending,
            count=self.page_size + 1,
        )

    def page(self, jobs: Sequence[Job], secret: bytes) -> tuple[Sequence[Job], str | None]:
        """The jobs of the page and the cursor of the next one."""
        shown = jobs[: self.page_size]
        if len(jobs) <= self.page_size:
            return shown, None
        return shown, print_place(shown[-1].number.to_bytes(_NUMBER_BYTES), self.question, secret)


class PlaceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a job's contents, from a place on."""

    query: Query
    question: bytes
    start: int
    page_size: int

    def slice(self, items: Sequence[Item], secret: bytes) -> tuple[Sequence[Item], str | None]:
        """The items of the page and the cursor of the next one."""
        end = self.start + self.page_size
        cursor = print_place(end.to_bytes(_NUMBER_BYTES), self.question, secret) if end < len(items) else None
        return items[self.start : end], cursor


def parse_jobs_query(query: Query, operation: Operation, secret: bytes) -> JobsQuery:
    """Make a `JobsQuery` of a query without faults. Raises InvalidRequest for a cursor that can't be used."""
    filtered = "" if query.filter is None else str(query.filter)
    question = f"{operation.name}\n{query.sort or ''}\n{filtered}".encode("utf-8", "surrogatepass")
    statuses: frozenset[str] | None = None
    has_group = False
    for condition in query.conditions:
        value = condition.value
        texts = frozenset(str(each) for each in (value if isinstance(value, tuple) else (value,)))
        if condition.field == "status":
            statuses = texts if statuses is None else statuses & texts
        else:
            has_group = True
    return JobsQuery(
        query=query,
        question=question,
        statuses=statuses,
        has_group=has_group,
        descending=(query.sort or "").startswith("-"),
        after=_number(query, question, secret),
        page_size=query.page_size or PAGE_PROFILES_DEFAULT,
    )


def parse_place_query(query: Query, operation: Operation, job_id: str, secret: bytes) -> PlaceQuery:
    """Make a `PlaceQuery` of a query without faults. Raises InvalidRequest for a cursor that can't be used."""
    question = f"{operation.name}\n{job_id}".encode("utf-8", "surrogatepass")
    return PlaceQuery(
        query=query, question=question, start=_number(query, question, secret) or 0, page_size=query.page_size
    )


def _number(query: Query, question: bytes, secret: bytes) -> int | None:
    if query.cursor is None:
        return None
    place = parse_place(query.cursor, question, secret)
    if len(place) != _NUMBER_BYTES:
        raise invalid_cursor()
    return int.from_bytes(place)
