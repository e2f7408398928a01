"""``eventkeep import --from-api``: the events of another server."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import typer
from rich.console import Console

from eventkeep.cli.connection import connect, newest_revision
from eventkeep.cli.event_total import expected_events
from eventkeep.cli.import_summary import print_summary
from eventkeep.cli.period import in_period
from eventkeep.cli.progress import count_progress
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.exporter.pages import Query
from eventkeep.exporter.records import time_text
from eventkeep.importer.from_api import ApiImport
from eventkeep.importer.state import State, load_state
from eventkeep.limits import READING_RETRIES_MAX

FILE_OPTIONS: Final = (
    "mapping",
    "map_",
    "time_format",
    "shift_years",
    "format_",
    "delimiter",
    "concurrency",
    "rejects",
    "dry_run",
)
FROM_API_OPTIONS: Final = (
    "from_api_key",
    "from_revision",
    "filter_",
    "since",
    "until",
    "state",
    "overlap",
    "page_size",
)


class FromApi(msgspec.Struct, frozen=True, kw_only=True):
    """The options of --from-api, as they were given."""

    url: str
    api_key: str | None
    revision: str | None
    filter: str | None
    since: str | None
    until: str | None
    state: Path | None
    overlap_seconds: int
    page_size: int


def import_from_api(options: FromApi, url: str, api_key: str | None) -> None:
    """Import the events of the server that the options name, and print a summary. Raises EventkeepError."""
    now = datetime.datetime.now(datetime.UTC)
    newest = newest_revision(now.date())
    query = Query(
        filter=in_period(options.filter, options.since, options.until, now),
        sort="datetime",
        page_size=options.page_size,
    )
    console = Console(stderr=True, highlight=False)
    with (
        connect(
            options.url, options.api_key, options.revision or newest, READING_RETRIES_MAX, prefix="from-"
        ) as source,
        connect(url, api_key, newest) as target,
    ):
        path = options.state or Path(f"eventkeep-import-{_file_name(source)}.json")
        state = _state(path, source, target, query, now)
        if path.exists():
            _tell(console, path, state)
        total = expected_events(source, query)
        started = time.monotonic()
        progress = count_progress(console, source.settings.base_url, total, "read")
        work = ApiImport(
            source,
            target,
            query,
            path,
            options.overlap_seconds,
            lambda counts, position: progress.show(counts.sent, counts.sent),
            time.time,
        )
        try:
            with progress:
                work.run(state)
        finally:
            print_summary(work.counts, time.monotonic() - started)


def refuse_flags(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """Raises ConfigurationError for an option that was given as a flag; elsewhere it may stand for other commands."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is not None and source.name == "COMMANDLINE":
            raise ConfigurationError(f"{option.opts[0]} {why}")


def _state(path: Path, source: Client, target: Client, query: Query, now: datetime.datetime) -> State:
    own = (source.settings.base_url, target.settings.base_url, query.filter)
    found = load_state(path, *own)
    if found is not None:
        return found
    return State(source=own[0], target=own[1], filter=own[2], started=int(now.timestamp()))


def _tell(console: Console, path: Path, state: State) -> None:
    if state.stage == "done":
        text = f"all was imported at {time_text(state.started)}; going on from there"
    elif state.position is not None:
        text = f"going on at events of {time_text(state.position)}"
    else:
        return
    console.print(f"{path}: {text}", soft_wrap=True)


def _file_name(source: Client) -> str:
    """The server's name and port, as a part of a file's name."""
    parts = urlsplit(source.settings.base_url)
    return "-".join(str(part).replace(":", "_") for part in (parts.hostname, parts.port) if part)
