"""``eventkeep events``: list events and show one, of eventkeep or of the hosted service."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from eventkeep.cli.choices import PROFILE_HELP, metric_id, profile_id
from eventkeep.cli.completion import MetricOption
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect_to_read
from eventkeep.cli.event_views import COLUMNS, MESSAGE_COLUMN, as_json, credited_message, in_full, row
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.groups import ListsByDefault
from eventkeep.cli.output import JsonDocumentOption, JsonLinesOption, Output, Table, note
from eventkeep.cli.period import FilterOption, SinceOption, UntilOption, in_period
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX, LISTED_MAX, PAGE_EVENTS_MAX
from eventkeep.protocol.filters import Filter

INCLUDE: Final = ("metric", "profile")
ATTRIBUTIONS: Final = "attributions"
IncludeOption = Annotated[
    str | None, typer.Option(metavar=ATTRIBUTIONS, help="Also the message that each event is credited to.")
]
EPILOG: Final = f"""
Example: eventkeep events --metric "Placed Order" --since 24h --limit 50

{EXIT_CODES_HELP}
"""

events = typer.Typer(
    cls=ListsByDefault,
    help="List events, the newest first, or show one. Without a command: list.",
    epilog=EPILOG,
)


@events.command("list", epilog=EPILOG)
def list_(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    metric: MetricOption = None,
    profile: Annotated[str | None, typer.Option(help=f"Only events of this profile: its {PROFILE_HELP}.")] = None,
    filter_: FilterOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    include: IncludeOption = None,
    sort: Annotated[str, typer.Option(help="datetime: the oldest first; -datetime: the newest first.")] = "-datetime",
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many events at the most.")] = 20,
    as_json_lines: JsonLinesOption = False,
) -> None:
    """List events, with their metrics and profiles; with their attributions, the message is a column of its own."""
    now = datetime.datetime.now(datetime.UTC)
    in_time = in_period(filter_, since, until, now)
    chosen = [] if in_time is None else [in_time]
    output = Output()
    with connect_to_read(url, api_key, now) as client:
        if metric is not None:
            chosen.append(str(Filter.equals("metric_id", metric_id(client, metric))))
        if profile is not None:
            chosen.append(str(Filter.equals("profile_id", profile_id(client, profile))))
        joined = ",".join(chosen) or None
        has_more = _list(client, output, joined, included(include), sort, limit, as_json_lines)
    if has_more and output.is_terminal and not as_json_lines:
        note(f"only {limit} are shown; --limit shows more, eventkeep export all of them")


@events.command(epilog="Example: eventkeep events show 0fE4gDwzo5i1fFnAA")
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id of the event, as eventkeep events lists it.")],
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    include: IncludeOption = None,
    as_json_document: JsonDocumentOption = False,
) -> None:
    """Show one event with its metric, its profile and its properties."""
    output, wanted = Output(), included(include)
    with connect_to_read(url, api_key) as client:
        event = client.events.get_event(id, include=wanted)
    if as_json_document:
        output.json_document(as_json(event))
    else:
        in_full(output, event)


def included(include: str | None) -> tuple[str, ...]:
    """The resources that are included with events. Raises ConfigurationError."""
    if include not in (None, ATTRIBUTIONS):
        raise ConfigurationError(f"--include: expected {ATTRIBUTIONS}, got {include[:ECHO_CHARACTERS_MAX]!r}")
    return INCLUDE if include is None else (*INCLUDE, ATTRIBUTIONS)


def _list(
    client: Client,
    output: Output,
    chosen: str | None,
    include: Sequence[str],
    sort: str,
    limit: int,
    as_json_lines: bool,
) -> bool:
    """Print the events page by page; whether there are more of them."""
    with_messages = ATTRIBUTIONS in include
    table = Table(output, (*COLUMNS, MESSAGE_COLUMN) if with_messages else COLUMNS)
    cursor: str | None = None
    left = limit
    while left:
        page = client.events.get_events(
            filter=chosen, include=include, sort=sort, page_cursor=cursor, page_size=min(limit, PAGE_EVENTS_MAX)
        )
        found = page.events[:left]
        if as_json_lines:
            for event in found:
                output.json_line(as_json(event))
        else:
            table.rows([*row(event), credited_message(event)] if with_messages else row(event) for event in found)
        has_more, left, cursor = len(page) > left, left - len(found), page.next_cursor
        if cursor is None:
            break
    output.flush()
    if left == limit and not as_json_lines:
        note("no event was found")
    return has_more or cursor is not None
