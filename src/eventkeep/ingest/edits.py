"""Edits of profiles and jobs on their way through the one queue: the changes of each, and the result for its caller.

Each runs when everything before it is applied, so it reads the directory and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from eventkeep.clock import Clock, microseconds
from eventkeep.directory import Directory, Pending
from eventkeep.directory.changes import Change
from eventkeep.directory.profiles import resolution_changes
from eventkeep.errors import Fault, RequestRefused
from eventkeep.model.job import Job, JobContent, JobKind, JobStatus
from eventkeep.model.profile_edits import Edited, ImportProfile, ProfileEdit, edit_profile, named, needs_identifiers

Made = tuple[Sequence[Change], object]
Make = Callable[[Directory], Made]


class Imported(msgspec.Struct, frozen=True):
    """The outcome of one slice of an import: the number of each profile, or the reason why it failed."""

    results: list[int | Fault]


def one_edit(account: int, edit: ProfileEdit, clock: Clock) -> Make:
    """An edit of one profile; its caller gets `Edited`, or the refusal."""

    def make(directory: Directory) -> tuple[Sequence[Change], Edited]:
        pending = Pending()
        resolved = directory.profiles.load_identities(account, named(edit), pending, needs_identifiers(edit))
        edited = edit_profile(resolved, edit, microseconds(clock.of(account)))
        return resolution_changes(resolved, pending), edited

    return make


def import_slice(
    account: int, edits: Sequence[ImportProfile], clock: Clock
) -> Callable[[Directory], tuple[Sequence[Change], Imported]]:
    """Imports that each succeed or fail by themselves; their caller gets `Imported`."""

    def make(directory: Directory) -> tuple[Sequence[Change], Imported]:
        pending = Pending()
        writes = [write for edit in edits for write in named(edit)]
        resolved = directory.profiles.load_identities(account, writes, pending)
        now_us = microseconds(clock.of(account))
        results: list[int | Fault] = []
        for edit in edits:
            try:
                results.append(edit_profile(resolved, edit, now_us).profile.number)
            except RequestRefused as refusal:
                results.append(refusal.faults[0])
        return resolution_changes(resolved, pending), Imported(results)

    return make


def new_job(
    account: int,
    kind: JobKind,
    clock: Clock,
    *,
    total: int,
    status: JobStatus = "complete",
    failed_count: int = 0,
    skipped_count: int = 0,
    content: JobContent | None = None,
) -> Make:
    """A job that is kept; its caller gets the `Job`."""

    def make(directory: Directory) -> tuple[Sequence[Change], Job]:
        job, changes = directory.jobs.new(
            account,
            kind,
            microseconds(clock.of(account)),
            total=total,
            status=status,
            completed_count=total - failed_count - skipped_count if status == "complete" else 0,
            failed_count=failed_count,
            skipped_count=skipped_count,
            content=content or JobContent(),
        )
        return changes, job

    return make
