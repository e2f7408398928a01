"""The number of events that a walk over all pages will meet, for a progress bar."""

from __future__ import annotations

from eventkeep.client.admin_routes import get_stats_call
from eventkeep.client.errors import ResponseError
from eventkeep.client.synchronous.client import Client
from eventkeep.exporter.pages import Query


def expected_events(client: Client, query: Query) -> int | None:
    """Return the number of events, or None if the server can't count them: with a filter, or without our routes.

    Raises ClientError if there is no such server, or if it refuses the key.
    """
    total = stored_events(client) if query.filter is None else None
    if total is None:
        client.perform(query.call(client.settings, None))
    return total


def stored_events(client: Client) -> int | None:
    """Return the number of events of the account, or None if the server can't count them. Raises ClientError."""
    try:
        return client.perform(get_stats_call()).data.events
    except ResponseError:
        # The hosted service has no such route, and a key need not have the scope for it.
        return None
