"""The handlers of every family of routes. A new family adds a line here."""

from __future__ import annotations

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.admission import CREATES
from eventkeep.server.call import Handler
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
    """The handler of each operation but the creates, by name. Raises RuntimeError if the registry has others."""
    readers = Readers(services)
    writing = Writing(services)
    found: dict[str, Handler] = {
        **Reads(services, readers).handlers,
        **MetricRoutes(services, readers).handlers,
        **AccountRoutes(services, readers).handlers,
        **Profiles(services, readers, writing).handlers,
        **Imports(services, readers, writing).handlers,
        **ConsentJobs(services, readers, writing).handlers,
        **ClientRoutes(writing).handlers,
        **Privacy(writing).handlers,
    }
    if differing := found.keys() ^ (OPERATIONS.keys() - CREATES):
        raise RuntimeError(f"operations and handlers differ in {sorted(differing)}")
    return found
