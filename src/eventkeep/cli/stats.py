"""``eventkeep stats``: how much an account holds."""

from __future__ import annotations

from typing import Final

from eventkeep.cli.choices import admin_routes
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect_to_read
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.output import (
    Column,
    JsonDocumentOption,
    Output,
    Table,
    in_utc,
    print_details,
    shown_bytes,
    shown_time,
    without_absent,
)
from eventkeep.client.admin_routes import MetricStats, get_stats_call
from eventkeep.client.settings import URL_DEFAULT

METRICS_SHOWN: Final = 20
"""Metrics that the table has; --json has more."""
COLUMNS: Final = (
    Column("metric", 28, can_be_cut=True),
    Column("id", 6),
    Column("events", 8, is_number=True),
    Column("newest (UTC)", 19),
)
EPILOG: Final = f"""
Example: eventkeep stats --json

{EXIT_CODES_HELP}
"""


def stats(url: UrlOption = URL_DEFAULT, api_key: ApiKeyOption = None, as_json: JsonDocumentOption = False) -> None:
    """Tell how many events, profiles and metrics the key's account has, and from when to when."""
    output = Output()
    with connect_to_read(url, api_key) as client, admin_routes(client):
        found = client.perform(get_stats_call()).data
    if as_json:
        output.json_document(without_absent(found))
        return
    print_details(
        output,
        [
            ("events", f"{found.events or 0:,}"),
            ("profiles", f"{found.profiles:,}"),
            ("metrics", f"{found.metrics:,}"),
            ("oldest event", in_utc(found.oldest_event)),
            ("newest event", in_utc(found.newest_event)),
            ("on disk", f"about {shown_bytes(found.event_bytes)}" if found.event_bytes else ""),
        ],
    )
    if found.by_metric:
        output.line()
        Table(output, COLUMNS).rows(row(each) for each in found.by_metric[:METRICS_SHOWN])
        rest = found.metrics - min(len(found.by_metric), METRICS_SHOWN)
        if rest > 0:
            output.line(f"and {rest:,} more; eventkeep metrics lists them")
    output.flush()


def row(each: MetricStats) -> list[str]:
    """The cells of COLUMNS."""
    return [each.name, each.id, f"{each.events or 0:,}", shown_time(each.newest_event)]
