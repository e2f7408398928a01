"""The bodies of the operations that write profiles, as types.

Source: the OpenAPI documents, ProfileCreateQuery, ProfilePartialUpdateQuery, ProfileUpsertQuery,
ProfileMergeQuery and ProfileImportJobCreateQuery. A member that is UNSET is absent; None is an
explicit null. ``has_member`` says which members a revision has.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from eventkeep.limits import BULK_IMPORT_PROFILES_MAX, IDENTIFIERS_PATCHED_MAX, JOB_LISTS_MAX
from eventkeep.protocol.creates.documents import Data, Document, Identifier, JsonObject, Location, PatchProperties, Text
from eventkeep.protocol.revisions import Revision

Emails = str | Annotated[list[str], Meta(max_length=IDENTIFIERS_PATCHED_MAX)] | UnsetType | None

ANONYMOUS_ID_UNTIL: Final = "2025-10-15"
"""The first revision whose updates and imports have no ``anonymous_id``."""
META_BESIDE_SINCE: Final = "2024-02-15"
PATCH_IDENTIFIERS_SINCE: Final = "2026-04-15"


class IdentifierPatch(Document, kw_only=True):
    """Secondary identifiers; only email addresses may be patched."""

    email: Emails = UNSET


class PatchIdentifiers(Document, kw_only=True):
    """Secondary identifiers to add and to remove."""

    append: IdentifierPatch | UnsetType | None = UNSET
    unappend: IdentifierPatch | UnsetType | None = UNSET


class ProfileMeta(Document, kw_only=True):
    patch_properties: PatchProperties | UnsetType | None = UNSET
    patch_identifiers: PatchIdentifiers | UnsetType | None = UNSET


class CreateAttributes(Document, kw_only=True):
    """The attributes that every write of a profile may have."""

    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    external_id: Identifier = UNSET
    first_name: Text = UNSET
    last_name: Text = UNSET
    organization: Text = UNSET
    locale: Text = UNSET
    title: Text = UNSET
    image: Text = UNSET
    location: Location | UnsetType | None = UNSET
    properties: JsonObject | UnsetType | None = UNSET


class UpdateAttributes(CreateAttributes, kw_only=True):
    anonymous_id: Identifier = UNSET


class ImportAttributes(UpdateAttributes, kw_only=True):
    kx: Identifier = msgspec.field(default=UNSET, name="_kx")
    meta: ProfileMeta | UnsetType = UNSET


class NewProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: CreateAttributes


class ChangedProfile(Document, kw_only=True):
    """A profile to update; ``id`` is the path's."""

    type: Literal["profile"]
    id: str
    attributes: UpdateAttributes
    meta: ProfileMeta | UnsetType = UNSET


class ImportedProfile(Document, kw_only=True):
    """A profile to import; its ``meta`` stands inside the attributes before META_BESIDE_SINCE."""

    type: Literal["profile"]
    attributes: ImportAttributes
    id: str | UnsetType | None = UNSET
    meta: ProfileMeta | UnsetType = UNSET


class ProfileReference(Document, kw_only=True):
    type: Literal["profile"]
    id: str


class ListReference(Document, kw_only=True):
    type: Literal["list"]
    id: str


class MergeRelationships(Document, kw_only=True):
    """Exactly one source."""

    profiles: Data[Annotated[list[ProfileReference], Meta(min_length=1, max_length=1)]]


class ProfileMerge(Document, kw_only=True):
    """A merge into the profile with this ``id``."""

    type: Literal["profile-merge"]
    id: str
    relationships: MergeRelationships


class ImportJobAttributes(Document, kw_only=True):
    profiles: Data[Annotated[list[ImportedProfile], Meta(min_length=1, max_length=BULK_IMPORT_PROFILES_MAX)]]


class ImportJobRelationships(Document, kw_only=True):
    """The lists are kept with the job and mean nothing more: eventkeep has no lists."""

    lists: Data[Annotated[list[ListReference], Meta(max_length=JOB_LISTS_MAX)]] | UnsetType | None = UNSET


class ImportJob(Document, kw_only=True):
    type: Literal["profile-bulk-import-job"]
    attributes: ImportJobAttributes
    relationships: ImportJobRelationships | UnsetType = UNSET


ProfileCreate = Data[NewProfile]
"""The body of POST /api/profiles/."""
ProfileUpdate = Data[ChangedProfile]
"""The body of PATCH /api/profiles/{id}/."""
ProfileImport = Data[ImportedProfile]
"""The body of POST /api/profile-import/."""
ProfileMergeCreate = Data[ProfileMerge]
"""The body of POST /api/profile-merge/."""
ImportJobCreate = Data[ImportJob]
"""The body of POST /api/profile-bulk-import-jobs/."""


def has_member(revision: Revision, kind: type, name: str) -> bool:
    """Whether the revision has the member ``name`` of a type of these bodies."""
    if kind is Location:
        return f"location.{name}" in revision.profile_fields
    if name == "locale" and issubclass(kind, CreateAttributes):
        return "locale" in revision.create_profile_attributes
    if name == "anonymous_id" and issubclass(kind, UpdateAttributes):
        return revision.date < ANONYMOUS_ID_UNTIL
    if name == "meta" and issubclass(kind, ImportAttributes):
        return revision.date < META_BESIDE_SINCE
    if name == "meta" and kind is ImportedProfile:
        return revision.date >= META_BESIDE_SINCE
    if name == "patch_identifiers":
        return revision.date >= PATCH_IDENTIFIERS_SINCE
    return True
