"""The bodies of the client routes, as far as they differ from those with a key.

Source: the OpenAPI documents, OnsiteProfileCreateQuery and OnsiteSubscriptionCreateQuery. The
event routes take the bodies of create_event and one item of bulk_create_events.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET, UnsetType

from eventkeep.protocol.consent.documents import Channels, ListRelationship
from eventkeep.protocol.consent.documents import has_member as consent_has_member
from eventkeep.protocol.creates.documents import Data, Document, Text
from eventkeep.protocol.profiles.documents import META_BESIDE_SINCE, ImportAttributes, ProfileMeta
from eventkeep.protocol.profiles.documents import has_member as profile_has_member
from eventkeep.protocol.revisions import Revision

SUBSCRIPTIONS_SINCE: Final = "2025-01-15"
"""The first revision whose client subscriptions name channels."""
META_INSIDE_AGAIN_SINCE: Final = "2025-01-15"


class ClientAttributes(ImportAttributes, kw_only=True):
    """A profile as a client sends it; unlike an import it always may have an ``anonymous_id``."""


class ClientProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: ClientAttributes
    id: str | UnsetType | None = UNSET
    meta: ProfileMeta | UnsetType = UNSET


class SubscriberAttributes(ImportAttributes, kw_only=True):
    """Who subscribes. ``meta`` stands here or beside the attributes, by revision."""

    subscriptions: Channels | UnsetType | None = UNSET


class SubscriberProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: SubscriberAttributes
    id: str | UnsetType | None = UNSET
    meta: ProfileMeta | UnsetType = UNSET


class SubscriptionAttributes(Document, kw_only=True):
    profile: Data[SubscriberProfile]
    custom_source: Text = UNSET


class Subscription(Document, kw_only=True):
    type: Literal["subscription"]
    attributes: SubscriptionAttributes
    relationships: ListRelationship | UnsetType = UNSET


ClientProfileCreate = Data[ClientProfile]
"""The body of POST /client/profiles/."""
ClientSubscriptionCreate = Data[Subscription]
"""The body of POST /client/subscriptions/."""


def has_member(revision: Revision, kind: type, name: str) -> bool:
    """Whether the revision has the member ``name`` of a type of these bodies."""
    date = revision.date
    if kind is ClientAttributes:
        if name == "_kx":
            return date >= "2023-09-15"
        if name in ("anonymous_id", "meta"):
            return name == "anonymous_id"
    if kind is SubscriberAttributes:
        if name == "_kx":
            return date >= "2023-10-15"
        if name == "subscriptions":
            return date >= SUBSCRIPTIONS_SINCE
        if name == "meta":
            return date < META_BESIDE_SINCE or date >= META_INSIDE_AGAIN_SINCE
    if kind is SubscriberProfile and name == "meta":
        return META_BESIDE_SINCE <= date < META_INSIDE_AGAIN_SINCE
    return profile_has_member(revision, kind, name) and consent_has_member(revision, kind, name)
