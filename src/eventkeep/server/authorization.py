"""The key of a call, and whether its scopes suffice for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from eventkeep.directory import KeyRecord
from eventkeep.directory.keys import Keys, Known
from eventkeep.errors import NotAuthenticated, PermissionDenied

SCHEMES: Final = ("klaviyo-api-key", "bearer")
"""The words before a key, in lower case. OAuth apps send the second."""


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
