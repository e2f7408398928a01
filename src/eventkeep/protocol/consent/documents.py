"""The bodies of the jobs that change consent, as types.

Source: the OpenAPI documents, SubscriptionCreateJobCreateQuery, SubscriptionDeleteJobCreateQuery,
SuppressionCreateJobCreateQuery and SuppressionDeleteJobCreateQuery. A member that is UNSET is
absent; None is an explicit null. ``has_member`` says which members a revision has. Revisions
before 2023-10-15 say the channels in another way, which ``OldSubscriptions`` is for.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from eventkeep.limits import (
    JOB_PROFILES_MAX,
    JOB_PUSH_TOKENS_MAX,
    SUBSCRIBED_PROFILES_MAX,
)
from eventkeep.protocol.creates.documents import Data, Document, Identifier, JsonObject, Text
from eventkeep.protocol.profiles.documents import ListReference
from eventkeep.protocol.revisions import Revision

CHANNELS_NAMED_SINCE: Final = "2023-10-15"
"""The first revision that names a channel's consent; before it there are lists like ``["MARKETING"]``."""

SINCE: Final[dict[str, str]] = {
    "consented_at": "2023-12-15",
    "age_gated_date_of_birth": "2024-05-15",
    "historical_import": "2024-07-15",
    "transactional": "2024-10-15",
    "whatsapp": "2025-07-15",
    "push": "2026-01-15",
    "open_tracking": "2026-04-15",
    "click_tracking": "2026-10-15",
}
"""The first revision of members that came later."""

UNSUBSCRIBED_CHANNELS_SINCE: Final = "2024-10-15"
"""The first revision whose unsubscribe jobs name channels."""
CHANNELS_REQUIRED_SINCE: Final = "2025-01-15"
RELATIONSHIPS_SINCE: Final = "2024-02-15"
"""The first revision whose suppression jobs may name a list or a segment in the place of profiles."""

OldChannel = list[Literal["MARKETING"]]


class Subscribed(Document, kw_only=True):
    """Consent that is given; ``consented_at`` is when, in a historical import."""

    consent: Literal["SUBSCRIBED"]
    consented_at: str | UnsetType | None = UNSET


class Unsubscribed(Document, kw_only=True):
    consent: Literal["UNSUBSCRIBED"]


class TrackingAllowed(Document, kw_only=True):
    consent: Literal["SUBSCRIBED"]


class PushTokenEntry(Document, kw_only=True):
    """A push token. eventkeep sends nothing, and keeps none."""

    token: str
    platform: Literal["android", "ios"]
    vendor: Literal["apns", "fcm"]
    background: Literal["AVAILABLE", "DENIED", "RESTRICTED"] | UnsetType | None = UNSET
    enablement_status: (
        Literal["AUTHORIZED", "DENIED", "NOT_DETERMINED", "PROVISIONAL", "UNAUTHORIZED"] | UnsetType | None
    ) = UNSET
    device_metadata: JsonObject | UnsetType | None = UNSET


PushTokens = Annotated[list[PushTokenEntry], Meta(max_length=JOB_PUSH_TOKENS_MAX)]


class EmailChannel(Document, kw_only=True):
    marketing: Subscribed | UnsetType | None = UNSET
    open_tracking: TrackingAllowed | UnsetType | None = UNSET
    click_tracking: TrackingAllowed | UnsetType | None = UNSET


class TextChannel(Document, kw_only=True):
    """SMS, and WhatsApp."""

    marketing: Subscribed | UnsetType | None = UNSET
    transactional: Subscribed | UnsetType | None = UNSET


class PushChannel(Document, kw_only=True):
    marketing: Subscribed
    tokens: PushTokens | UnsetType | None = UNSET
    anonymous_id: Identifier = UNSET


class Channels(Document, kw_only=True):
    email: EmailChannel | UnsetType | None = UNSET
    sms: TextChannel | UnsetType | None = UNSET
    whatsapp: TextChannel | UnsetType | None = UNSET
    push: PushChannel | UnsetType | None = UNSET


class EndedEmailChannel(Document, kw_only=True):
    marketing: Unsubscribed | UnsetType | None = UNSET
    open_tracking: Unsubscribed | UnsetType | None = UNSET
    click_tracking: Unsubscribed | UnsetType | None = UNSET


class EndedTextChannel(Document, kw_only=True):
    marketing: Unsubscribed | UnsetType | None = UNSET
    transactional: Unsubscribed | UnsetType | None = UNSET


class EndedWhatsAppChannel(EndedTextChannel, kw_only=True):
    conversational: Unsubscribed | UnsetType | None = UNSET


class EndedPushChannel(Document, kw_only=True):
    marketing: Unsubscribed
    tokens: PushTokens


class EndedChannels(Document, kw_only=True):
    email: EndedEmailChannel | UnsetType | None = UNSET
    sms: EndedTextChannel | UnsetType | None = UNSET
    whatsapp: EndedWhatsAppChannel | UnsetType | None = UNSET
    push: EndedPushChannel | UnsetType | None = UNSET


class OldSubscriptions(Document, kw_only=True):
    email: OldChannel | UnsetType = UNSET
    sms: OldChannel | UnsetType = UNSET


class OldSubscriber(Document, kw_only=True):
    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    subscriptions: OldSubscriptions | UnsetType = UNSET


class Subscriber(Document, kw_only=True):
    """Whom to subscribe. Without ``subscriptions`` every channel of which an identifier is given."""

    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    age_gated_date_of_birth: Annotated[str, Meta(max_length=10)] | UnsetType | None = UNSET
    subscriptions: Channels | UnsetType | None = UNSET


class Unsubscriber(Document, kw_only=True):
    """Whom to unsubscribe. Without ``subscriptions`` from every channel of which an identifier is given."""

    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    subscriptions: EndedChannels | UnsetType | None = UNSET


class Suppressed(Document, kw_only=True):
    email: str


class OldSubscribedProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: OldSubscriber
    id: str | UnsetType = UNSET


class SubscribedProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: Subscriber
    id: str | UnsetType | None = UNSET


class UnsubscribedProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: Unsubscriber


class SuppressedProfile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: Suppressed


class OldSubscribeAttributes(Document, kw_only=True):
    profiles: Data[Annotated[list[OldSubscribedProfile], Meta(min_length=1, max_length=JOB_PROFILES_MAX)]]
    custom_source: Text = UNSET


class SubscribeAttributes(Document, kw_only=True):
    profiles: Data[Annotated[list[SubscribedProfile], Meta(min_length=1, max_length=SUBSCRIBED_PROFILES_MAX)]]
    custom_source: Text = UNSET
    historical_import: bool | UnsetType | None = UNSET


class UnsubscribeAttributes(Document, kw_only=True):
    profiles: Data[Annotated[list[UnsubscribedProfile], Meta(min_length=1, max_length=JOB_PROFILES_MAX)]]


class SuppressionAttributes(Document, kw_only=True):
    profiles: (
        Data[Annotated[list[SuppressedProfile], Meta(min_length=1, max_length=JOB_PROFILES_MAX)]] | UnsetType | None
    ) = UNSET


class OneList(Document, kw_only=True):
    data: ListReference | UnsetType = UNSET


class SegmentReference(Document, kw_only=True):
    type: Literal["segment"]
    id: str


class OneSegment(Document, kw_only=True):
    data: SegmentReference | UnsetType = UNSET


class ListRelationship(Document, kw_only=True):
    list: OneList | UnsetType = UNSET


class GroupRelationships(Document, kw_only=True):
    list: OneList | UnsetType = UNSET
    segment: OneSegment | UnsetType = UNSET


class OldSubscribeJob(Document, kw_only=True):
    type: Literal["profile-subscription-bulk-create-job"]
    attributes: OldSubscribeAttributes
    relationships: ListRelationship | UnsetType = UNSET


class SubscribeJob(Document, kw_only=True):
    type: Literal["profile-subscription-bulk-create-job"]
    attributes: SubscribeAttributes
    relationships: ListRelationship | UnsetType = UNSET


class UnsubscribeJob(Document, kw_only=True):
    type: Literal["profile-subscription-bulk-delete-job"]
    attributes: UnsubscribeAttributes
    relationships: ListRelationship | UnsetType = UNSET


class SuppressJob(Document, kw_only=True):
    type: Literal["profile-suppression-bulk-create-job"]
    attributes: SuppressionAttributes
    relationships: GroupRelationships | UnsetType = UNSET


class UnsuppressJob(Document, kw_only=True):
    type: Literal["profile-suppression-bulk-delete-job"]
    attributes: SuppressionAttributes
    relationships: GroupRelationships | UnsetType = UNSET


OldSubscribe = Data[OldSubscribeJob]
"""The body of POST /api/profile-subscription-bulk-create-jobs/ before 2023-10-15."""
Subscribe = Data[SubscribeJob]
"""The body of POST /api/profile-subscription-bulk-create-jobs/."""
Unsubscribe = Data[UnsubscribeJob]
"""The body of POST /api/profile-subscription-bulk-delete-jobs/."""
Suppress = Data[SuppressJob]
"""The body of POST /api/profile-suppression-bulk-create-jobs/."""
Unsuppress = Data[UnsuppressJob]
"""The body of POST /api/profile-suppression-bulk-delete-jobs/."""


def has_member(revision: Revision, kind: type, name: str) -> bool:
    """Whether the revision has the member ``name`` of a type of these bodies."""
    if kind is Unsubscriber and name == "subscriptions":
        return revision.date >= UNSUBSCRIBED_CHANNELS_SINCE
    if kind in (SuppressJob, UnsuppressJob) and name == "relationships":
        return revision.date >= RELATIONSHIPS_SINCE
    return revision.date >= SINCE.get(name, "")
