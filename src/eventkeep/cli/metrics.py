"""``eventkeep metrics``: list metrics with their numbers of events, and show one."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from eventkeep.cli.choices import METRIC_HELP, admin_routes, find_metric
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect_to_read
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.groups import ListsByDefault
from eventkeep.cli.listing import print_list
from eventkeep.cli.output import (
    Column,
    JsonDocumentOption,
    JsonLinesOption,
    Output,
    in_utc,
    print_details,
    shown_time,
    without_absent,
)
from eventkeep.client.admin_routes import CountedMetric, list_metrics_call
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.limits import LISTED_MAX

COLUMNS: Final = (
    Column("id", 6),
    Column("name", 28, can_be_cut=True),
    Column("integration", 11, can_be_cut=True),
    Column("events", 8, is_number=True),
    Column("newest (UTC)", 19),
)
EPILOG: Final = f"""
Example: eventkeep metrics

{EXIT_CODES_HELP}
"""

metrics = typer.Typer(
    cls=ListsByDefault,
    help="List metrics with their numbers of events, or show one. Without a command: list.",
    epilog=EPILOG,
)


@metrics.command("list", epilog=EPILOG)
def list_(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many metrics at the most.")] = 1_000,
    as_json_lines: JsonLinesOption = False,
) -> None:
    """List metrics, the oldest first."""
    with connect_to_read(url, api_key) as client, admin_routes(client):
        print_list(
            lambda size, cursor: client.perform(list_metrics_call(page_size=size, cursor=cursor)).data,
            limit,
            COLUMNS,
            row,
            as_json if as_json_lines else None,
            "there are no metrics yet",
        )


@metrics.command(epilog='Example: eventkeep metrics show "Placed Order"')
def show(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help=f"Its {METRIC_HELP}.")],
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    as_json_document: JsonDocumentOption = False,
) -> None:
    """Show one metric."""
    output = Output()
    with connect_to_read(url, api_key) as client, admin_routes(client):
        found = find_metric(client, metric)
    if as_json_document:
        output.json_document(as_json(found))
        return
    integration = found.metric.integration or {}
    print_details(
        output,
        [
            ("id", found.metric.id),
            ("name", found.metric.name or ""),
            ("integration", f"{integration.get('name')} ({integration.get('id')})"),
            ("events", "" if found.count.events is None else f"{found.count.events:,}"),
            ("oldest", in_utc(found.count.oldest_event)),
            ("newest", in_utc(found.count.newest_event)),
            ("created", in_utc(found.metric.created)),
            ("updated", in_utc(found.metric.updated)),
        ],
    )


def row(each: CountedMetric) -> list[str]:
    """The cells of COLUMNS."""
    return [
        each.metric.id,
        each.metric.name or "",
        str((each.metric.integration or {}).get("name") or ""),
        "" if each.count.events is None else f"{each.count.events:,}",
        shown_time(each.count.newest_event),
    ]


def as_json(each: CountedMetric) -> Any:
    """A metric with its count beside its attributes, for --json."""
    return {**without_absent(each.metric), **without_absent(each.count)}
