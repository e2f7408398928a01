"""The body of a bulk import: many profiles, each of which is imported or fails by itself.

An item that does not have the shape of a profile refuses the request. A value that breaks a rule, such as
an email address that is none, is an error of its profile; the others are imported.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import FAULTS_MAX, PROFILE_PAYLOAD_BYTES_MAX
from eventkeep.model.job import ImportFailure
from eventkeep.model.profile_edits import ImportProfile
from eventkeep.protocol.creates.tolerance import tolerate
from eventkeep.protocol.error_documents import PROBLEMS
from eventkeep.protocol.json_values import Faults, below, parse
from eventkeep.protocol.profiles.documents import ImportJobCreate
from eventkeep.protocol.profiles.parsing import check_imported, has_in, imported
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.shapes import check_shape

PROFILES: Final = "/data/attributes/profiles/data"
_encode = msgspec.json.Encoder().encode


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk import.

    ``edits`` are the profiles to import, each with its place in the request; ``payloads`` is the
    parsed JSON of all of them; ``lists`` are the ids of the lists that are named.
    """

    edits: list[tuple[int, ImportProfile]]
    failures: list[ImportFailure]
    payloads: list[dict[str, Any]]
    lists: tuple[str, ...]


def parse_import_job(body: bytes, revision: Revision) -> ImportRequest:
    """Parse the body of POST /api/profile-bulk-import-jobs/. Raises InvalidRequest with every fault of the whole."""
    faults = Faults()
    value = parse(body, faults)
    if not faults.found:
        for profile in profiles_in(value):
            tolerate(profile)
        check_shape(value, ImportJobCreate, "", faults, has_in(revision))
    if faults.found:
        raise InvalidRequest(faults.found[:FAULTS_MAX])
    document = msgspec.convert(value, ImportJobCreate).data
    payloads = profiles_in(value)
    edits: list[tuple[int, ImportProfile]] = []
    failures: list[ImportFailure] = []
    for place, (payload, profile) in enumerate(zip(payloads, document.attributes.profiles.data, strict=True)):
        own = Faults()
        check_imported(payload, below(PROFILES, place), own)
        size = len(_encode(payload))
        if size > PROFILE_PAYLOAD_BYTES_MAX:
            own.add(below(PROFILES, place), f"A profile has at most {PROFILE_PAYLOAD_BYTES_MAX} bytes, not {size}.")
        if own.found:
            failures.append(failure(place, own.found[0], payload))
        else:
            edits.append((place, imported(profile)))
    lists: tuple[str, ...] = ()
    if document.relationships and document.relationships.lists:
        lists = tuple(each.id for each in document.relationships.lists.data)
    return ImportRequest(edits=edits, failures=failures, payloads=payloads, lists=lists)


def failure(place: int, fault: Fault, payload: dict[str, Any]) -> ImportFailure:
    """The error of one profile of an import."""
    problem = PROBLEMS[InvalidRequest]
    return ImportFailure(
        place=place,
        code=fault.code or problem.code,
        title=problem.title,
        detail=fault.detail,
        pointer=fault.pointer or below(PROFILES, place),
        original_payload=payload,
    )


def profiles_in(value: Any) -> list[Any]:
    """The profiles of a parsed body; none if it has another shape."""
    for name in ("data", "attributes", "profiles", "data"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []
