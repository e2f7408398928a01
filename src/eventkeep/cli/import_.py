"""``eventkeep import``: the rows of a file, or the events of another server, become events."""

from __future__ import annotations

import contextlib
import datetime
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from eventkeep.cli.connection import UrlOption, async_client
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.import_from_api import FILE_OPTIONS, FROM_API_OPTIONS, FromApi, import_from_api, refuse_flags
from eventkeep.cli.import_summary import Rejects, ThrottleNote, print_summary
from eventkeep.cli.period import FilterOption, SinceOption, UntilOption
from eventkeep.cli.progress import import_progress
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.exported import exported_row, is_export
from eventkeep.importer.mapping import MappedRow, RowMapping, parse_map_options, parse_mapping
from eventkeep.importer.parquet import ParquetFile
from eventkeep.importer.rows import RowFile, open_rows
from eventkeep.importer.sending import REVISION, Sender, pack
from eventkeep.importer.templates import Row, Source
from eventkeep.limits import IMPORT_OVERLAP_SECONDS, IMPORT_REQUESTS_AT_ONCE_MAX, PAGE_EVENTS_MAX
from eventkeep.protocol.revisions import Revision, resolve_revision
from eventkeep.protocol.rows.columns import COLUMNS

EPILOG = f"""
Examples:

eventkeep import orders.csv.gz --map metric="Placed Order" --map profile.email={{email}}
--map time={{placed_at}} --map value={{total}} --map unique_id=order-{{id}} --map properties.items:integer={{items}}

eventkeep import exported.parquet

eventkeep import --from-api https://a.klaviyo.com --from-api-key pk_…

{EXIT_CODES_HELP}
"""


class FromFile(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an import from a file."""

    path: str
    format: str | None
    delimiter: str | None
    mapping: RowMapping | None
    concurrency: int
    rejects: Path | None
    is_dry_run: bool


def import_(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="CSV or JSON Lines, plain, .gz or .bz2, or Parquet; - is standard input.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="A key with the scope events:write.", show_default=False)] = None,
    url: UrlOption = URL_DEFAULT,
    mapping: Annotated[Path | None, typer.Option(help="TOML file that says how a row becomes an event.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD[:TYPE]=TEMPLATE",
            help="One field of the mapping; wins over the file. Types: text, integer, number, boolean, json, time.",
        ),
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="Of --map time=…: iso, unix, unix_ms or a strptime pattern.")
    ] = None,
    shift_years: Annotated[int | None, typer.Option(help="Years to add to --map time=….")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet, if the name does not end with it.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the fields of CSV; a comma.")] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            max=IMPORT_REQUESTS_AT_ONCE_MAX,
            help="Requests at once, of a file; with 1, changes to a profile are applied in the order of the rows.",
        ),
    ] = 4,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rows that are refused to this file, and go on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all rows, and send nothing.")] = False,
    from_api: Annotated[
        str | None, typer.Option(metavar="URL", help="Read from this server instead of a file.", show_default=False)
    ] = None,
    from_api_key: Annotated[str | None, typer.Option(help="A key of that server.", show_default=False)] = None,
    from_revision: Annotated[
        str | None, typer.Option(help="The revision to speak with it.", show_default="the newest")
    ] = None,
    filter_: FilterOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    state: Annotated[
        Path | None,
        typer.Option(help="The file that holds the progress.", show_default="eventkeep-import-HOST.json"),
    ] = None,
    overlap: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How late events may arrive there and still be imported.")
    ] = IMPORT_OVERLAP_SECONDS,
    page_size: Annotated[
        int, typer.Option(min=1, max=PAGE_EVENTS_MAX, help="Events read at once, if the revision has the option.")
    ] = PAGE_EVENTS_MAX,
) -> None:
    """Import the rows of a file as events, or the events of another server.

    A file of eventkeep export needs no mapping. Every event has a unique_id (by default made of the row's
    number and content), so that importing the same file again stores nothing twice: after an error, run the
    same command again. The first row that is refused ends the import, unless --rejects names a file for such rows.
    """
    if (file is None) == (from_api is None):
        raise ConfigurationError("expected either a file or --from-api URL")
    if from_api is not None:
        refuse_flags(context, FILE_OPTIONS, "is for files, not for --from-api")
        import_from_api(
            FromApi(
                url=from_api,
                api_key=from_api_key,
                revision=from_revision,
                filter=filter_,
                since=since,
                until=until,
                state=state,
                overlap_seconds=overlap,
                page_size=page_size,
            ),
            url,
            api_key,
        )
        return
    refuse_flags(context, FROM_API_OPTIONS, "is for --from-api, not for files")
    from_file = FromFile(
        path=str(file),
        format=format_,
        delimiter=delimiter,
        mapping=_mapping(mapping, map_ or [], time_format, shift_years),
        concurrency=concurrency,
        rejects=rejects,
        is_dry_run=dry_run,
    )
    _import_file(from_file, url, api_key, resolve_revision(REVISION, REVISION, datetime.date.max))


def _import_file(options: FromFile, url: str, api_key: str | None, revision: Revision) -> None:
    console = Console(stderr=True, highlight=False)
    # Everything that can be wrong with the options is found before the first row.
    client = None if options.is_dry_run else async_client(url, api_key, revision.date)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        rows = open_rows(options.path, options.format, options.delimiter)
        stack.enter_context(rows)
        event_of = _event_of(options.path, rows, options.mapping)
        rejects = Rejects(options.rejects, options.path, rows.columns, options.is_dry_run, console)
        stack.enter_context(rejects)
        name = "standard input" if options.path == "-" else Path(options.path).name
        verb = "checked" if options.is_dry_run else "sent"
        progress = import_progress(console, name, rows.size_bytes, verb)
        sender = Sender(
            options.concurrency,
            lambda refusal, row: rejects.add(refusal, row.values),
            lambda counts: progress.show(counts.sent, rows.read_bytes()),
            ThrottleNote(console),
        )
        requests = pack(_events(rows, event_of, options.mapping is None, rejects), sender.refuse)
        try:
            with progress:
                if client is None:
                    sender.check(requests, revision, int(time.time()))
                else:
                    sender.send(requests, client)
                progress.show(sender.counts.sent, rows.read_bytes())
        finally:
            print_summary(sender.counts, time.monotonic() - started, rejects.shown_count, options.is_dry_run)
    rejects.raise_if_any()


def _events(
    rows: RowFile | ParquetFile, event_of: Callable[[Row], MappedRow], is_raw: bool, rejects: Rejects
) -> Iterator[MappedRow]:
    for row in rows.rows(raw=is_raw, on_refused=lambda refusal: rejects.add(refusal, None)):
        try:
            yield event_of(row)
        except RowRefused as exc:
            rejects.add(exc, row.values)


def _event_of(path: str, rows: RowFile | ParquetFile, mapping: RowMapping | None) -> Callable[[Row], MappedRow]:
    """Return the function from a row to its event: the mapping, or the columns of an export if there is no mapping."""
    if mapping is not None:
        if rows.columns is not None:
            mapping.check_columns(rows.columns)
        return mapping.apply
    members = rows.first_members()
    if members and not is_export(members):
        other = [name for name in members if name not in COLUMNS]
        why = f"it has the column {other[0]!r}" if other else "a column is missing"
        raise ConfigurationError(
            f"{path} is not a file of eventkeep export ({why}): say how a row becomes an event, with --mapping FILE "
            "or --map FIELD=TEMPLATE"
        )
    return functools.partial(exported_row, empty_is_none=rows.format == "csv")


def _mapping(
    path: Path | None, options: list[str], time_format: str | None, shift_years: int | None
) -> RowMapping | None:
    """Return the mapping of the options; None if there is none."""
    sources: dict[str, Source] = {}
    rest_as_properties = False
    if path is not None:
        try:
            document = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"--mapping: {path} can't be read: {exc}") from exc
        sources, rest_as_properties = parse_mapping(document)
    sources |= parse_map_options(options)
    changes = {"format": time_format, "shift_years": shift_years}
    given = {name: value for name, value in changes.items() if value is not None}
    if given:
        if "time" not in sources:
            raise ConfigurationError("--time-format and --shift-years need a mapping of time")
        sources["time"] = msgspec.structs.replace(sources["time"], **given)
    return RowMapping(sources, rest_as_properties) if path is not None or options else None
