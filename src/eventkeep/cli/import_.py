"""``eventkeep import``: rows of a file become events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.progress import import_progress
from eventkeep.errors import ConfigurationError
from eventkeep.importer.mapping import RowMapping, parse_map_options, parse_mapping
from eventkeep.importer.packing import BulkRequest, pack
from eventkeep.importer.rows import RowFile
from eventkeep.importer.sending import Counts, Sender
from eventkeep.importer.templates import Source
from eventkeep.limits import IMPORT_REQUESTS_AT_ONCE_MAX

EPILOG = f"""
Example:

eventkeep import orders.csv.gz --map metric="Placed Order" --map profile.email={{email}}
--map time={{placed_at}} --map value={{total}} --map unique_id=order-{{id}} --map properties.items:integer={{items}}

{EXIT_CODES_HELP}
"""


def import_(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines, plain, .gz or .bz2; - is standard input.")],
    api_key: Annotated[str, typer.Option(help="A key with the scope events:write.", show_default=False)],
    url: Annotated[str, typer.Option(help="The server.")] = "http://127.0.0.1:8340",
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML file that says how a row becomes an event."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD[:TYPE]=TEMPLATE",
            help="One field of the mapping; wins over the file. Types: text, integer, number, boolean, json, time.",
        ),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(help="Of --map time=…: iso, unix, unix_ms or a strptime pattern."),
    ] = None,
    shift_years: Annotated[int | None, typer.Option(help="Years to add to --map time=….")] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="csv or jsonl, where the name does not tell."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the fields of CSV; a comma.")] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            max=IMPORT_REQUESTS_AT_ONCE_MAX,
            help="Requests at once; with 1, changes to a profile are applied in the order of the rows.",
        ),
    ] = 4,
) -> None:
    """Import the rows of a file as events.

    Every event has a unique_id (by default made from the row's number and content), so that importing
    the same rows again stores nothing twice: after an error, run the same command again.
    """
    row_mapping = _mapping(mapping, map_ or [], time_format, shift_years)
    console = Console(stderr=True)
    started = time.monotonic()
    with RowFile(file, format_, delimiter) as rows:
        if rows.columns is not None:
            row_mapping.check_columns(rows.columns)
        name = "standard input" if file == "-" else Path(file).name
        with import_progress(console, name, rows.size_bytes) as progress:
            sender = Sender(url, api_key, concurrency, lambda counts: progress.show(counts.sent, rows.read_bytes()))
            requests: Iterator[BulkRequest] = pack(row_mapping.apply(row) for row in rows.rows())
            try:
                sender.send(requests)
            finally:
                progress.show(sender.counts.sent, rows.read_bytes())
                _print_summary(sender.counts, time.monotonic() - started)


def _mapping(path: Path | None, options: list[str], time_format: str | None, shift_years: int | None) -> RowMapping:
    sources: dict[str, Source] = {}
    rest_as_properties = False
    if path is not None:
        try:
            document = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"--mapping: {path} can't be read: {exc}") from exc
        sources, rest_as_properties = parse_mapping(document)
    elif not options:
        raise ConfigurationError("say how a row becomes an event, with --mapping FILE or --map FIELD=TEMPLATE")
    sources |= parse_map_options(options)
    changes = {"format": time_format, "shift_years": shift_years}
    given = {name: value for name, value in changes.items() if value is not None}
    if given:
        if "time" not in sources:
            raise ConfigurationError("--time-format and --shift-years need a mapping of time")
        sources["time"] = msgspec.structs.replace(sources["time"], **given)
    return RowMapping(sources, rest_as_properties)


def _print_summary(counts: Counts, seconds: float) -> None:
    """On standard output, so that it can be kept apart from the progress."""

    def told(number: int | None) -> str:
        return "not told" if number is None else f"{number:,}"

    print(f"events sent      {counts.sent:,} in {counts.requests:,} requests")
    print(f"events stored    {told(counts.stored)}")
    print(f"events repeated  {told(counts.repeated)}")
    if counts.tries_repeated:
        print(f"tries repeated   {counts.tries_repeated:,}")
    print(f"seconds          {seconds:.1f}")
    print(f"events/s         {counts.sent / max(seconds, 1e-9):,.0f}")
