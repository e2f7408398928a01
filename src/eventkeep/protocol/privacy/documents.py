"""The body of a request to delete a profile, as types.

Source: the OpenAPI documents, DataPrivacyCreateDeletionJobQuery.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from eventkeep.protocol.creates.documents import Data, Document


class DeletedAttributes(Document, kw_only=True):
    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET


class DeletedProfile(Document, kw_only=True):
    """Whose data is to be deleted, by exactly one identifier."""

    type: Literal["profile"]
    id: str | UnsetType | None = UNSET
    attributes: DeletedAttributes | UnsetType = UNSET


class DeletionAttributes(Document, kw_only=True):
    profile: Data[DeletedProfile]


class DeletionJob(Document, kw_only=True):
    type: Literal["data-privacy-deletion-job"]
    attributes: DeletionAttributes


DeletionCreate = Data[DeletionJob]
"""The body of POST /api/data-privacy-deletion-jobs/."""
