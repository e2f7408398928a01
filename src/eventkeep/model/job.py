"""Jobs: requests over many profiles, of which the state can be read."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

JobKind = Literal["import", "suppress", "unsuppress", "delete"]
JobStatus = Literal["queued", "processing", "complete", "cancelled"]

DAY_MICROSECONDS: Final = 24 * 3600 * 1_000_000


class ImportFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A profile of an import that was not imported: the reason, and the values that were sent.

    ``place`` is the place of the profile in the request, counted from 0; ``pointer`` points into the request's body.
    """

    place: int
    code: str
    title: str
    detail: str
    pointer: str
    original_payload: dict[str, Any]


class JobContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The details that are stored with a job besides its counts.

    ``lists`` are the ids of lists that an import names, ``profiles`` the numbers of the profiles that it made or
    changed, in the order of the request. ``person`` is the identifier of whom a deletion concerns: kind and value.
    """

    lists: tuple[str, ...] = ()
    profiles: tuple[int, ...] = ()
    failures: tuple[ImportFailure, ...] = ()
    person: tuple[str, str] | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job of an account. ``number`` counts up within the account; times are Unix microseconds.

    Imports and consent jobs are carried out before the response to their request, so they are complete when they are
    first seen. A deletion is kept as ``queued``.
    """

    account: int
    number: int
    id: str
    kind: JobKind
    status: JobStatus
    created: int
    completed: int | None = None
    total: int
    completed_count: int = 0
    failed_count: int = 0
    skipped_count: int = 0
    content: JobContent = JobContent()
