"""``eventkeep export``: events become a file."""

from __future__ import annotations

import datetime
import os
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from eventkeep.cli.choices import metric_id
from eventkeep.cli.completion import MetricOption
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect, newest_revision
from eventkeep.cli.event_total import stored_events
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.period import FilterOption, SinceOption, UntilOption, in_period
from eventkeep.cli.progress import count_progress
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.errors import ConfigurationError
from eventkeep.exporter.pages import Query
from eventkeep.exporter.source import rows_of
from eventkeep.exporter.target import STANDARD_OUTPUT, opened
from eventkeep.exporter.writers import format_of, writer
from eventkeep.limits import PAGE_EVENTS_MAX, READING_RETRIES_MAX
from eventkeep.protocol.filters import Filter

EPILOG = f"""
Example: eventkeep export orders.parquet --metric "Placed Order" --since 2024-01-01

{EXIT_CODES_HELP}
"""
SORTS = ("datetime", "-datetime")


def export(
    target: Annotated[str, typer.Argument(help="A file .csv, .jsonl (also .gz) or .parquet; - is standard output.")],
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    metric: MetricOption = None,
    filter_: FilterOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sort: Annotated[str, typer.Option(help="datetime is oldest first, -datetime newest first.")] = "datetime",
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet, if the name does not end with it.")
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Also the ids that the server made.")] = False,
    page_size: Annotated[
        int, typer.Option(min=1, max=PAGE_EVENTS_MAX, help="Events in one request to a host that has no scan.")
    ] = PAGE_EVENTS_MAX,
    revision: Annotated[
        str | None, typer.Option(help="The revision of the API to speak.", show_default="the newest")
    ] = None,
) -> None:
    """Export events to a file that eventkeep import takes without a mapping.

    The file appears when it is complete. Events of one second are in the same order on every server,
    so that equal events make equal files.
    """
    if sort not in SORTS:
        raise ConfigurationError(f"--sort: expected one of {', '.join(SORTS)}, got {sort!r}")
    file_format = format_of(target, format_)
    if file_format == "parquet" and target == STANDARD_OUTPUT and sys.stdout.isatty():
        raise ConfigurationError("a terminal can't show Parquet: send it to a file or to another program")
    now = datetime.datetime.now(datetime.UTC)
    chosen = in_period(filter_, since, until, now)
    console = Console(stderr=True)
    started = time.monotonic()
    events = 0
    try:
        with connect(url, api_key, revision or newest_revision(now.date()), READING_RETRIES_MAX) as client:
            if metric is not None:
                of_metric = str(Filter.equals("metric_id", metric_id(client, metric)))
                chosen = of_metric if chosen is None else f"{chosen},{of_metric}"
            query = Query(filter=chosen, sort=sort, page_size=page_size, has_ids=ids)
            with rows_of(client, query) as lots:
                total = None if chosen is not None else stored_events(client)
                with opened(target) as file, count_progress(console, target, total, "exported") as progress:
                    out = writer(file_format, file, ids)
                    for lot in lots:
                        out.write(lot.lines)
                        events += lot.rows
                        progress.show(events, events)
                    out.finish()
    except BrokenPipeError:
        # The reader of standard output closed it. Python still writes its buffer at exit, so that goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    if target != STANDARD_OUTPUT:
        seconds = time.monotonic() - started
        print(f"events    {events:,}")
        print(f"bytes     {os.stat(target).st_size:,}")
        print(f"seconds   {seconds:.1f}")
        print(f"events/s  {events / max(seconds, 1e-9):,.0f}")
