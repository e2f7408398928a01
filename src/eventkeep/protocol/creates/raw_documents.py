"""The create bodies as the full parser decodes them: like ``documents``, but profiles and metrics stay raw JSON."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from eventkeep.protocol.creates.documents import Data, Document, EventContent


class RawEventAttributes(EventContent, kw_only=True):
    """``metric`` is an object with the member ``data``."""

    metric: Raw


class RawEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: RawEventAttributes


class RawSingleAttributes(RawEventAttributes, kw_only=True):
    """``profile`` is an object with the member ``data``."""

    profile: Raw


class RawSingleEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: RawSingleAttributes


class RawItemAttributes(Document, kw_only=True):
    """``profile`` is an object with the member ``data``."""

    profile: Raw
    events: Data[list[RawEvent]]
    backfill: bool | UnsetType | None = UNSET


class RawItem(Document, kw_only=True):
    type: Literal["event-bulk-create"]
    attributes: RawItemAttributes


class RawJobAttributes(Document, kw_only=True):
    items: Data[list[RawItem]] = msgspec.field(name="events-bulk-create")


class RawJob(Document, kw_only=True):
    type: Literal["event-bulk-create-job"]
    attributes: RawJobAttributes


RawSingleCreate = Data[RawSingleEvent]
"""The body of POST /api/events/."""
RawBulkCreate = Data[RawJob]
"""The body of POST /api/event-bulk-create-jobs/."""
