"""The handlers of every family of routes. A new family adds a line here."""

from __future__ import annotations

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.call import Handler
from eventkeep.server.creates import Creates
from eventkeep.server.readers import Readers
from eventkeep.server.reads import Reads
from eventkeep.server.routes.accounts import AccountRoutes
from eventkeep.server.routes.client import ClientRoutes
from eventkeep.server.routes.consent import ConsentJobs
from eventkeep.server.routes.imports import Imports
from eventkeep.server.routes.metrics import MetricRoutes
from eventkeep.server.routes.privacy import Privacy
from eventkeep.server.routes.profiles import Profiles
from eventkeep.server.routes.writing import Writing
from eventkeep.server.services import Services


def handlers(services: Services) -> dict[str, Handler]:
    """The handler of each operation, by name. Raises RuntimeError if the registry has another set of operations."""
    readers = Readers(services)
    creates = Creates(services)
    writing = Writing(services)
    found: dict[str, Handler] = {
        "create_event": creates.create_event,
        "bulk_create_events": creates.bulk_create_events,
        **Reads(services, readers).handlers,
        **MetricRoutes(services, readers).handlers,
        **AccountRoutes(services, readers).handlers,
        **Profiles(services, readers, writing).handlers,
        **Imports(services, readers, writing).handlers,
        **ConsentJobs(services, readers, writing).handlers,
        **ClientRoutes(writing).handlers,
        **Privacy(writing).handlers,
    }
    if found.keys() != OPERATIONS.keys():
        raise RuntimeError(f"operations and handlers differ in {sorted(found.keys() ^ OPERATIONS.keys())}")
    return found
