"""``eventkeep tail``: new events as they are kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from eventkeep.cli.choices import admin_routes
from eventkeep.cli.completion import MetricOption
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect_to_read
from eventkeep.cli.event_views import COLUMNS, as_json, row
from eventkeep.cli.exits import EXIT_CODES_HELP, ExitCode
from eventkeep.cli.output import JsonLinesOption, Output, Table, note
from eventkeep.client.admin_routes import NewEvents, tail_call
from eventkeep.client.errors import ConnectionFailedError, ServerError, ThrottledError
from eventkeep.client.results import Event, IncludedEvent
from eventkeep.client.retries import RetryPolicy
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.limits import CLIENT_TIMEOUT_SECONDS, FOLLOW_OUTAGE_SECONDS_MAX, FOLLOW_PAUSE_SECONDS

WAIT_SECONDS: Final = 20
"""How long each request waits for an event; less than the patience of proxies and of the client."""
PAGE_EVENTS: Final = 500
ONCE: Final = RetryPolicy(retries_max=0, seconds_max=CLIENT_TIMEOUT_SECONDS)
EPILOG: Final = f"""
Example: eventkeep tail --metric "Placed Order"

{EXIT_CODES_HELP}
"""


def tail(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    metric: MetricOption = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    as_json_lines: JsonLinesOption = False,
) -> None:
    """Show new events as they are kept, from now on, until Ctrl-C.

    While the server does not respond, it is asked again for ten minutes; a line says if events may be missing.
    """
    output = Output()
    table = Table(output, COLUMNS)
    left = count
    try:
        with connect_to_read(url, api_key) as client, admin_routes(client):
            for events in followed(client):
                found = [event for event in events if metric is None or is_of(event, metric)][:left]
                if as_json_lines:
                    for event in found:
                        output.json_line(as_json(event))
                else:
                    table.follow(row(event) for event in found)
                output.flush()
                if left is not None and (left := left - len(found)) == 0:
                    return
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            # The terminal has written ^C, and the prompt should not stand behind it.
            print(file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def followed(client: Client) -> Iterator[list[IncludedEvent]]:
    """New events, some at a time; an empty list comes first, with the first response of the server.

    Raises ClientError if the server refuses, or does not respond for FOLLOW_OUTAGE_SECONDS_MAX.
    """
    position = client.perform(tail_call()).data.position
    yield []
    while True:
        news = _next(client, position)
        position = news.position
        if news.has_skipped:
            note("some events may be missing here: a restart, or too many at once")
        if news.events:
            yield news.events


def is_of(event: Event, metric: str) -> bool:
    """Whether the event's metric has that name or that id."""
    return metric in (event.metric.name, event.metric.id)


def _next(client: Client, position: str) -> NewEvents:
    """The events stored after the position, once there are some or a while has passed."""
    gone_since: float | None = None
    while True:
        try:
            call = tail_call(after=position, wait_seconds=WAIT_SECONDS, page_size=PAGE_EVENTS)
            news = client.perform(call, ONCE).data
        except (ConnectionFailedError, ServerError, ThrottledError):
            now = time.monotonic()
            if gone_since is None:
                gone_since = now
                note("the server does not respond; trying again")
            elif now - gone_since > FOLLOW_OUTAGE_SECONDS_MAX:
                raise
            time.sleep(FOLLOW_PAUSE_SECONDS)
        else:
            if gone_since is not None:
                note("the server responds again")
            return news
