"""The admission of a call: its key, its scopes, and all that follows from the head of a create."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from eventkeep.directory import KeyRecord
from eventkeep.directory.keys import Keys, Known
from eventkeep.errors import NotAuthenticated, PermissionDenied
from eventkeep.protocol.revisions import Revision

SCHEMES: Final = ("klaviyo-api-key", "bearer")
"""The words before a key, in lower case. OAuth apps send the second."""
DAY_SECONDS: Final = 24 * 60 * 60
SINGLE_CREATE: Final = "create_event"
BULK_CREATE: Final = "bulk_create_events"
CREATES: Final = frozenset((SINGLE_CREATE, BULK_CREATE))


def authenticate(keys: Keys, header: str | None) -> Known:
    """The look-up of the key that an Authorization header brings.

    Raises NotAuthenticated in the service's words: it does not say whether a key is
    missing, malformed, unknown or revoked.
    """
    scheme, _, key = (header or "").partition(" ")
    if scheme.lower() in SCHEMES:
        known = keys.known(key.strip())
        if known is not None:
            return known
    raise NotAuthenticated("Missing or invalid private key.")


def missing_scopes(key: KeyRecord, scopes: Iterable[str]) -> list[str]:
    """Those of ``scopes`` that the key lacks."""
    return [scope for scope in scopes if not key.allows(scope)]


def authorize(key: KeyRecord, scopes: Iterable[str]) -> None:
    """Raises PermissionDenied naming every one of ``scopes`` that the key lacks."""
    if missing := missing_scopes(key, scopes):
        plural = "s" if len(missing) > 1 else ""
        raise PermissionDenied(f"The API key is missing the required scope{plural}: {', '.join(missing)}.")


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
