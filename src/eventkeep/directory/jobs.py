"""Jobs: stored with their results, read by the page, and deleted after a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import func, select

from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Database
from eventkeep.directory.profile_ids import ProfileIds
from eventkeep.directory.schema import job
from eventkeep.limits import JOB_DAYS_KEPT
from eventkeep.model.job import DAY_MICROSECONDS, Job, JobContent, JobKind, JobStatus

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(JobContent).decode


class Jobs:
    """The jobs of one directory. `new` belongs to the commit thread."""

    def __init__(self, database: Database, new_ids: ProfileIds) -> None:
        self._database, self._new_ids = database, new_ids

    def new(
        self,
        account: int,
        kind: JobKind,
        now_us: int,
        *,
        total: int,
        status: JobStatus = "complete",
        completed_count: int = 0,
        failed_count: int = 0,
        skipped_count: int = 0,
        content: JobContent,
    ) -> tuple[Job, list[Change]]:
        """A new job, with the changes to store it; jobs older than JOB_DAYS_KEPT are deleted, unless they wait."""
        with self._database.reading() as connection:
            newest = connection.execute(select(func.max(job.c.number)).where(job.c.account == account)).scalar()
            old = select(job.c.number).where(
                job.c.account == account,
                job.c.created < now_us - JOB_DAYS_KEPT * DAY_MICROSECONDS,
                job.c.status == "complete",
            )
            expired = [(number,) for number in connection.execute(old).scalars()]
        number = (newest or 0) + 1
        made = Job(
            account=account,
            number=number,
            id=self._new_ids.of(account, number)(now_us),
            kind=kind,
            status=status,
            created=now_us,
            completed=now_us if status == "complete" else None,
            total=total,
            completed_count=completed_count,
            failed_count=failed_count,
            skipped_count=skipped_count,
            content=content,
        )
        changes = [Change(Table.JOB, Operation.PUT, account, [row_of(made)])]
        if expired:
            changes.append(Change(Table.JOB, Operation.DELETE, account, expired))
        return made, changes

    def find(self, account: int, kind: JobKind, id: str) -> Job | None:
        """The account's job of that kind and id, with its content; None if there is none."""
        query = select(job).where(job.c.account == account, job.c.id == id, job.c.kind == kind)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else job_of(row)

    def list(
        self,
        account: int,
        kind: JobKind,
        *,
        statuses: Collection[str] | None = None,
        after: int | None = None,
        descending: bool = False,
        count: int,
    ) -> list[Job]:
        """At most ``count`` jobs behind the number ``after``, the oldest first or, ``descending``, the newest."""
        query = select(job).where(job.c.account == account, job.c.kind == kind)
        if statuses is not None:
            query = query.where(job.c.status.in_(statuses))
        if after is not None:
            query = query.where(job.c.number < after if descending else job.c.number > after)
        query = query.order_by(job.c.number.desc() if descending else job.c.number).limit(count)
        with self._database.reading() as connection:
            return [job_of(row) for row in connection.execute(query)]


def row_of(each: Job) -> tuple[Any, ...]:
    """The job as a row of a change."""
    return (
        each.number,
        each.id,
        each.kind,
        each.status,
        each.created,
        each.completed,
        each.total,
        each.completed_count,
        each.failed_count,
        each.skipped_count,
        _encode(each.content),
    )


def job_of(row: Any) -> Job:
    """The job in a row of its table."""
    return Job(
        account=row.account,
        number=row.number,
        id=row.id,
        kind=row.kind,
        status=row.status,
        created=row.created,
        completed=row.completed,
        total=row.total,
        completed_count=row.completed_count,
        failed_count=row.failed_count,
        skipped_count=row.skipped_count,
        content=_decode(row.content),
    )
