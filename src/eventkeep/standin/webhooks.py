"""Outgoing webhooks in the form of the hosted service: their topics, bodies and signatures.

Sources: the service's guide to system webhooks, and receivers that verify them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from fnmatch import fnmatchcase
from typing import Annotated, Final

import msgspec
from msgspec import Meta

ACCEPTED: Final = frozenset((200, 201, 202))
"""The statuses with which a receiver accepts a delivery."""
TOPIC_PREFIX: Final = "event:"
NOT_IN_TOPICS: Final = re.compile(r"[^a-z0-9]+")


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The URL that events are delivered to. ``topics`` may have ``*`` for any characters."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s]+$", max_length=2_000)]
    secret: Annotated[str, Meta(min_length=16, max_length=200)]
    topics: Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)] = (TOPIC_PREFIX + "*",)

    def wants(self, topic: str) -> bool:
        """Whether events of this topic are delivered."""
        return any(fnmatchcase(topic, pattern) for pattern in self.topics)


class Item(msgspec.Struct, frozen=True):
    """One event of a delivery. ``payload`` is the body of a response of get_event."""

    external_id: str
    payload: msgspec.Raw
    topic: str


class Origin(msgspec.Struct, frozen=True):
    """Whose delivery it is. ``timestamp`` is in ISO 8601."""

    klaviyo_account_id: str
    klaviyo_webhook_id: str
    timestamp: str


class Delivery(msgspec.Struct, frozen=True):
    """The body of a request to a receiver."""

    data: list[Item]
    meta: Origin


def topic_of(metric: str, service: str) -> str:
    """The topic of a metric's events, such as ``event:api.placed_order``."""
    return f"{TOPIC_PREFIX}{slug(service)}.{slug(metric)}"


def slug(text: str) -> str:
    return NOT_IN_TOPICS.sub("_", text.lower()).strip("_")


def signature(secret: str, body: bytes, timestamp: str) -> str:
    """The header ``Klaviyo-Signature``: HMAC-SHA256 over the body and the header ``Klaviyo-Timestamp``, in hex."""
    return hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()
