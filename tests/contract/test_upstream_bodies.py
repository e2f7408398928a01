"""The bodies that profiles, consent, clients and privacy take, held against the upstream documents of all revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_origin

import pytest
from msgspec import inspect

from eventkeep.protocol.client_routes import documents as client
from eventkeep.protocol.consent import documents as consent
from eventkeep.protocol.privacy import documents as privacy
from eventkeep.protocol.profiles import documents as profiles
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.contract.upstream import load_neighbours

HasMember = Callable[[Revision, type, str], bool]


def _all(_revision: Revision, _kind: type, _name: str) -> bool:
    return True


BODIES: list[tuple[str, str, type | Callable[[Revision], type], HasMember]] = [
    ("post", "/api/profiles/", profiles.ProfileCreate, profiles.has_member),
    ("patch", "/api/profiles/{id}/", profiles.ProfileUpdate, profiles.has_member),
    ("post", "/api/profile-import/", profiles.ProfileImport, profiles.has_member),
    ("post", "/api/profile-merge/", profiles.ProfileMergeCreate, profiles.has_member),
    ("post", "/api/profile-bulk-import-jobs/", profiles.ImportJobCreate, profiles.has_member),
    ("post", "/api/profile-subscription-bulk-create-jobs/", consent.Subscribe, consent.has_member),
    ("post", "/api/profile-subscription-bulk-delete-jobs/", consent.Unsubscribe, consent.has_member),
    ("post", "/api/profile-suppression-bulk-create-jobs/", consent.Suppress, consent.has_member),
    ("post", "/api/profile-suppression-bulk-delete-jobs/", consent.Unsuppress, consent.has_member),
    ("post", "/client/profiles/", client.ClientProfileCreate, client.has_member),
    ("post", "/client/subscriptions/", client.ClientSubscriptionCreate, client.has_member),
    ("post", "/api/data-privacy-deletion-jobs/", privacy.DeletionCreate, _all),
]

OPEN = ("properties", "append", "unappend", "device_metadata")
"""Objects that the documents describe by their words alone, or that are not looked into."""


def upstream_members(document: dict[str, Any], schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """The dotted names of all members of a schema."""
    if "$ref" in schema:
        yield from upstream_members(document, document["components"]["schemas"][schema["$ref"].split("/")[-1]], place)
        return
    for each in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from upstream_members(document, each, place)
    for name, member in schema.get("properties", {}).items():
        yield f"{place}{name}"
        if name not in OPEN:
            yield from upstream_members(document, member, f"{place}{name}.")
    if "items" in schema:
        yield from upstream_members(document, schema["items"], place)


def own_members(described: inspect.Type, revision: Revision, has: HasMember, place: str = "") -> Iterator[str]:
    """The dotted names of all members of a type in a revision."""
    match described:
        case inspect.StructType():
            kind = get_origin(described.cls) or described.cls
            for field in described.fields:
                if has(revision, kind, field.encode_name):
                    name = f"{place}{field.encode_name}"
                    yield name
                    if field.encode_name not in OPEN:
                        yield from own_members(field.type, revision, has, f"{name}.")
        case inspect.UnionType():
            for each in described.types:
                yield from own_members(each, revision, has, place)
        case inspect.ListType():
            yield from own_members(described.item_type, revision, has, place)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
@pytest.mark.parametrize(("method", "path", "kind", "has"), BODIES, ids=[path for _, path, _, _ in BODIES])
def test_bodies_have_the_members_of_the_upstream_document(
    method: str, path: str, kind: type, has: HasMember, revision: Revision
) -> None:
    document = load_neighbours(revision.date)
    operation = document["paths"].get(path, {}).get(method)
    if operation is None:
        return
    if kind is consent.Subscribe and revision.date < consent.CHANNELS_NAMED_SINCE:
        kind = consent.OldSubscribe
    (content,) = operation["requestBody"]["content"].values()
    expected = set(upstream_members(document, content["schema"]))
    assert set(own_members(inspect.type_info(kind), revision, has)) == expected
