"""Jobs as JSON:API resources, in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from eventkeep.limits import JOB_DAYS_KEPT
from eventkeep.model.job import DAY_MICROSECONDS, ImportFailure, Job, JobKind
from eventkeep.protocol.datetimes import moment_of
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.frames import Frame

JOB_TYPES: Final[Mapping[JobKind, str]] = {
    "import": "profile-bulk-import-job",
    "suppress": "profile-suppression-bulk-create-job",
    "unsuppress": "profile-suppression-bulk-delete-job",
}
RELATIONS: Final[Mapping[JobKind, tuple[str, ...]]] = {
    "import": ("lists", "profiles", "import-errors"),
    "suppress": ("lists", "segments"),
    "unsuppress": ("lists", "segments"),
}
_encode = msgspec.json.Encoder().encode


def job_resource(job: Job, frame: Frame, *, default: Sequence[str], profiles: Sequence[str] | None = None) -> bytes:
    """The job's resource object; ``default`` are its attributes without a sparse fieldset.

    ``profiles`` are the ids of its profiles if they are to be named in it.
    """
    kind = JOB_TYPES[job.kind]
    own = f"{frame.base_url}/api/{kind}s/{job.id}/"
    wanted = frame.query.fieldset(kind, default)
    return _encode(
        {
            "type": kind,
            "id": job.id,
            "attributes": wanted.select(job_attributes(job, has_nulls=frame.revision.has_nulls)),
            "relationships": {name: _relationship(job, name, own, profiles) for name in RELATIONS[job.kind]},
            "links": {"self": own},
        }
    )


def job_attributes(job: Job, *, has_nulls: bool) -> dict[str, Any]:
    """All attributes that a job can have."""
    completed = None if job.completed is None else moment_of(job.completed)
    attributes: dict[str, Any] = {
        "status": job.status,
        "created_at": moment_of(job.created),
        "total_count": job.total,
        "completed_count": job.completed_count,
        "failed_count": job.failed_count,
        "skipped_count": job.skipped_count,
        "started_at": moment_of(job.created),
        "completed_at": completed,
        "expires_at": moment_of(job.created + JOB_DAYS_KEPT * DAY_MICROSECONDS),
    }
    return attributes if has_nulls else {name: value for name, value in attributes.items() if value is not None}


def job_document(frame: Frame, job: Job, default: Sequence[str], profiles: Sequence[str] | None = None) -> bytes:
    """The response that is one job."""
    included = b',"included":[]' if frame.query.includes else b""
    resource = job_resource(job, frame, default=default, profiles=profiles)
    return b'{"data":%b%b,"links":{"self":%b}}' % (resource, included, frame.link())


def collection_document(frame: Frame, resources: Sequence[bytes], next_cursor: str | None = None) -> bytes:
    """The response that is a page of resources."""
    return b'{"data":[%b],"links":%b}' % (b",".join(resources), frame.collection_links(next_cursor))


def failure_resource(job: Job, failure: ImportFailure, frame: Frame, default: Sequence[str]) -> bytes:
    """The resource object of a profile that was not imported."""
    wanted: Fieldset = frame.query.fieldset("import-error", default)
    attributes = {
        "code": failure.code,
        "title": failure.title,
        "detail": failure.detail,
        "source": {"pointer": failure.pointer},
        "original_payload": failure.original_payload,
    }
    return _encode(
        {
            "type": "import-error",
            "id": f"{job.id}-{failure.place}",
            "attributes": wanted.select(attributes),
            "links": {"self": f"{frame.base_url}/api/{JOB_TYPES['import']}s/{job.id}/import-errors/"},
        }
    )


def identifier(kind: str, id: str) -> bytes:
    """The resource identifier that a relationship points to."""
    return _encode({"type": kind, "id": id})


def _relationship(job: Job, name: str, own: str, profiles: Sequence[str] | None) -> dict[str, Any]:
    links = {"links": {"self": f"{own}relationships/{name}/", "related": f"{own}{name}/"}}
    if name == "lists" and job.kind == "import":
        return {"data": [{"type": "list", "id": each} for each in job.content.lists], **links}
    if name == "profiles" and profiles is not None:
        return {"data": [{"type": "profile", "id": each} for each in profiles], **links}
    if name == "import-errors" and profiles is not None:
        failures = job.content.failures
        return {"data": [{"type": "import-error", "id": f"{job.id}-{each.place}"} for each in failures], **links}
    return links
