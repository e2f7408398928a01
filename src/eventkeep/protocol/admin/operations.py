"""The operations beyond the Klaviyo API, under ``/eventkeep/``: lists, counts, a feed of stored events, and their scan.

The Events API has no operation that lists metrics or profiles or counts events; the command
line needs them. Keys, scopes, revisions and error documents are those of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

PREFIX: Final = "/eventkeep/"


class AdminOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. ``path`` has ``{id}`` in place of the id of a metric or a profile."""

    name: str
    path: str
    scopes: tuple[str, ...]
    method: str = "GET"


_ALL: Final = (
    AdminOperation(name="list_metrics", path="/eventkeep/metrics", scopes=("metrics:read",)),
    AdminOperation(name="get_metric", path="/eventkeep/metrics/{id}", scopes=("metrics:read",)),
    AdminOperation(name="list_profiles", path="/eventkeep/profiles", scopes=("profiles:read",)),
    AdminOperation(name="get_profile", path="/eventkeep/profiles/{id}", scopes=("profiles:read",)),
    AdminOperation(name="get_stats", path="/eventkeep/stats", scopes=("events:read", "metrics:read", "profiles:read")),
    AdminOperation(name="tail", path="/eventkeep/tail", scopes=("events:read",)),
    AdminOperation(name="scan", path="/eventkeep/scan", scopes=("events:read", "metrics:read", "profiles:read")),
)

ADMIN_OPERATIONS: Final[Mapping[str, AdminOperation]] = {operation.name: operation for operation in _ALL}
"""Every operation by its name."""
EVENTS_SCOPE: Final = "events:read"
"""The scopes that a key needs beside ``metrics:read`` to get the number of events of a metric."""
