"""The create bodies as the server decodes them: like ``documents``, but profiles and metrics stay raw at first.

A shop names the same ones again and again, in the same bytes. Raw, they are found in
the memories of ``profile_writes`` and ``metric_names`` before anything of them is
decoded.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from eventkeep.protocol.creates.documents import Data, Document, EventContent


class ReceivedEventAttributes(EventContent, kw_only=True):
    """``metric`` is an object with the member ``data``."""

    metric: Raw


class ReceivedEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: ReceivedEventAttributes


class ReceivedSingleAttributes(ReceivedEventAttributes, kw_only=True):
    """``profile`` is an object with the member ``data``."""

    profile: Raw


class ReceivedSingleEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: ReceivedSingleAttributes


class ReceivedItemAttributes(Document, kw_only=True):
    """``profile`` is an object with the member ``data``."""

    profile: Raw
    events: Data[list[ReceivedEvent]]
    backfill: bool | UnsetType | None = UNSET


class ReceivedItem(Document, kw_only=True):
    type: Literal["event-bulk-create"]
    attributes: ReceivedItemAttributes


class ReceivedJobAttributes(Document, kw_only=True):
    items: Data[list[ReceivedItem]] = msgspec.field(name="events-bulk-create")


class ReceivedJob(Document, kw_only=True):
    type: Literal["event-bulk-create-job"]
    attributes: ReceivedJobAttributes


ReceivedSingle = Data[ReceivedSingleEvent]
"""The body of POST /api/events/."""
ReceivedBulk = Data[ReceivedJob]
"""The body of POST /api/event-bulk-create-jobs/."""
