"""The create bodies as the server decodes them: like ``documents``, but profiles stay raw at first.

A shop names the same profiles again and again, in the same bytes. Raw, they are found in
the memory of ``profile_writes`` before anything of them is decoded.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from eventkeep.protocol.documents import Data, Document, Event, EventAttributes


class ReceivedEventAttributes(EventAttributes, kw_only=True):
    profile: Data[Raw]


class ReceivedEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: ReceivedEventAttributes


class ReceivedItemAttributes(Document, kw_only=True):
    profile: Data[Raw]
    events: Data[list[Event]]
    backfill: bool | UnsetType | None = UNSET


class ReceivedItem(Document, kw_only=True):
    type: Literal["event-bulk-create"]
    attributes: ReceivedItemAttributes


class ReceivedJobAttributes(Document, kw_only=True):
    items: Data[list[ReceivedItem]] = msgspec.field(name="events-bulk-create")


class ReceivedJob(Document, kw_only=True):
    type: Literal["event-bulk-create-job"]
    attributes: ReceivedJobAttributes


ReceivedSingle = Data[ReceivedEvent]
"""The body of POST /api/events/."""
ReceivedBulk = Data[ReceivedJob]
"""The body of POST /api/event-bulk-create-jobs/."""
