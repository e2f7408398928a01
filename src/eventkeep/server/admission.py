"""The admission of a create: everything that follows from the head of its request."""

from __future__ import annotations

from typing import Final

from eventkeep.directory.keys import Known
from eventkeep.protocol.revisions import Revision

DAY_SECONDS: Final = 24 * 60 * 60
SINGLE_CREATE: Final = "create_event"
BULK_CREATE: Final = "bulk_create_events"
CREATES: Final = frozenset((SINGLE_CREATE, BULK_CREATE))


class Admission:
    """The account of a create, and its rules. It stays with the head, and admits later requests with the same one.

    It is valid while the look-up ``known`` of the key is, and on the day ``day``, counted from 1970-01-01 UTC, which
    decides the revisions that exist. ``limit_name`` is that of the rate limit. ``is_gzip`` is None until the body is
    read for the first time.
    """

    __slots__ = ("account", "day", "is_bulk", "is_gzip", "known", "limit_name", "operation", "revision")

    def __init__(self, known: Known, revision: Revision, day: int, operation: str, limit_name: str) -> None:
        self.known, self.revision, self.day = known, revision, day
        self.operation, self.limit_name = operation, limit_name
        self.account = known.record.account
        self.is_bulk = operation == BULK_CREATE
        self.is_gzip: bool | None = None
