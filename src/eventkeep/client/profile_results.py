"""The results of the operations on profiles that are no profiles: jobs, and failures of an import."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.json_api import read_document, single_resource, values_of
from eventkeep.client.results import Resource


class Job(Resource, frozen=True, kw_only=True):
    """A bulk import, or a bulk change of consent. ``status`` is queued, processing, complete or cancelled.

    An import has ``failed_count``, ``started_at`` and ``expires_at``, a suppression
    ``skipped_count``; the others are None.
    """

    status: str | None = None
    created_at: datetime.datetime | None = None
    started_at: datetime.datetime | None = None
    completed_at: datetime.datetime | None = None
    expires_at: datetime.datetime | None = None
    total_count: int | None = None
    completed_count: int | None = None
    failed_count: int | None = None
    skipped_count: int | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [(name, getattr(self, name)) for name in ("id", "status", "total_count", "completed_count")]


class ImportFailure(Resource, frozen=True, kw_only=True):
    """A profile that a bulk import did not import. ``original_payload`` is the profile, ``source`` names the place."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    source: dict[str, Any] | None = None
    original_payload: dict[str, Any] | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [("id", self.id), ("detail", self.detail)]


def read_job(response: httpx.Response) -> Job:
    """Read one job. Raises msgspec.DecodeError."""
    return read_job_resource(single_resource(read_document(response)))


def read_job_if_told(response: httpx.Response) -> Job | None:
    """Read one job; None in the revisions that do not tell it. Raises msgspec.DecodeError."""
    return read_job(response) if response.content else None


def read_job_resource(raw: Raw) -> Job:
    """Return a job. Raises msgspec.DecodeError."""
    return msgspec.structs.replace(msgspec.convert(values_of(raw), type=Job), raw=raw)


def read_failure_resource(raw: Raw) -> ImportFailure:
    """Return a failure. Raises msgspec.DecodeError."""
    return msgspec.structs.replace(msgspec.convert(values_of(raw), type=ImportFailure), raw=raw)


def read_nothing(response: httpx.Response) -> None:
    """Read a response without a body."""
