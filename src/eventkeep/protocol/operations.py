"""The registry of operations: those of every family, by name. A new family adds a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eventkeep.protocol.accounts import operations as accounts
from eventkeep.protocol.client_routes import operations as client_routes
from eventkeep.protocol.consent import operations as consent
from eventkeep.protocol.creates import operations as creates
from eventkeep.protocol.metrics import operations as metrics
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.privacy import operations as privacy
from eventkeep.protocol.profiles import job_operations as profile_jobs
from eventkeep.protocol.profiles import operations as profiles
from eventkeep.protocol.reads import operations as reads

__all__ = ["INCLUDE_SCOPES", "OPERATIONS", "Operation"]

FAMILIES: Final = (
    creates.OPERATIONS,
    reads.OPERATIONS,
    metrics.OPERATIONS,
    accounts.OPERATIONS,
    profiles.OPERATIONS,
    profile_jobs.OPERATIONS,
    consent.OPERATIONS,
    client_routes.OPERATIONS,
    privacy.OPERATIONS,
)

INCLUDE_SCOPES: Final[Mapping[str, str]] = {
    "metric": "metrics:read",
    "profile": "profiles:read",
    "flow-triggers": "flows:read",
    "lists": "lists:read",
    "segments": "segments:read",
}
"""The scope that an ``include`` needs on top of the operation's own; attributions are part of an event."""

OPERATIONS: Final[Mapping[str, Operation]] = {operation.name: operation for family in FAMILIES for operation in family}
"""Every operation by its name."""
