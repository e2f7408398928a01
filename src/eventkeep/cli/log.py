"""``eventkeep log``: show the records of a folder's log, and follow it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from eventkeep.cli.output import JsonLinesOption, Output
from eventkeep.cli.settings import ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError

if TYPE_CHECKING:
    from eventkeep.log.record import Record

LOG_PAUSE_SECONDS: Final = 0.2
log = typer.Typer(no_args_is_help=True, help="Show the records of a data folder's log; also while a server runs.")


@log.command(epilog="Example: eventkeep log show --from 1200 --count 20")
def show(
    data: DataOption = None,
    config: ConfigOption = None,
    start: Annotated[int | None, typer.Option("--from", min=1, help="The first record, by its position.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many records.")] = 20,
    as_json: JsonLinesOption = False,
) -> None:
    """Show records, the last ones unless --from says otherwise."""
    folder = log_folder(data_folder(data, config))
    first, last = bounds(folder)
    begin = max(first, last - count + 1) if start is None else start
    output = Output()
    for record in records(folder, begin):
        if record.position >= begin + count:
            break
        tell(output, record, as_json)
    output.flush()


@log.command(epilog="Example: eventkeep log tail --follower warehouse --json")
def tail(
    data: DataOption = None,
    config: ConfigOption = None,
    follower: Annotated[
        str | None,
        typer.Option(help="Go on after the last record of this follower; the log keeps its records."),
    ] = None,
    start: Annotated[
        int | None, typer.Option("--from", min=1, help="The first record, by its position.", show_default="the next")
    ] = None,
    as_json: JsonLinesOption = False,
) -> None:
    """Follow the log: show each record as soon as it is kept, until interrupted.

    A follower is registered with its name, and notes how far it has come after its records are written. It begins with
    the next record, or with --from.
    """
    from eventkeep.log.followers import Follower, find_follower, note

    data = data_folder(data, config)
    folder = log_folder(data)
    known = None if follower is None else find_follower(data, follower)
    last = bounds(folder)[1]
    position = last + 1 if start is None else start
    if known is not None and start is None:
        if known.position > last:
            raise ConfigurationError(
                f"the follower {follower!r} has record {known.position}, and the log ends at {last}: it has followed "
                "another log; give --from, or remove it with eventkeep log forget"
            )
        position = known.position + 1
    elif follower is not None:
        note(data, Follower(follower, position - 1))
    output = Output()
    while True:
        begin = position
        for record in records(folder, position):
            tell(output, record, as_json)
            position = record.position + 1
        output.flush()
        if follower is not None and position > begin:
            note(data, Follower(follower, position - 1))
        time.sleep(LOG_PAUSE_SECONDS)


@log.command(epilog="Example: eventkeep log followers")
def followers(data: DataOption = None, config: ConfigOption = None, as_json: JsonLinesOption = False) -> None:
    """List the followers of the log: the last record that each has, and how many it has not."""
    from eventkeep.log.followers import read_followers

    data = data_folder(data, config)
    last = bounds(log_folder(data))[1]
    output = Output()
    for each in read_followers(data):
        if as_json:
            output.json_line({"follower": each.name, "position": each.position, "behind": last - each.position})
        else:
            output.line(f"{each.name}: record {each.position}, {last - each.position} behind")
    output.flush()


@log.command(epilog="Example: eventkeep log forget warehouse")
def forget(
    follower: Annotated[str, typer.Argument(help="The name of the follower.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a follower: the log keeps nothing more for it."""
    from eventkeep.log.followers import forget as forget_follower

    if not forget_follower(data_folder(data, config), follower):
        raise ConfigurationError(f"there is no follower {follower!r}")


def log_folder(data: Path) -> Path:
    """The folder of the log. Raises ConfigurationError if there is none."""
    folder = data / "log"
    if not folder.is_dir():
        raise ConfigurationError(f"--data: there is no log in {data}")
    return folder


def bounds(folder: Path) -> tuple[int, int]:
    """The positions of the first and the last record. Raises LogError."""
    from eventkeep.log.inspection import inspect_log

    state = inspect_log(folder)
    return (1, 0) if state is None else (state.first, state.last)


def records(folder: Path, start: int) -> Iterator[Record]:
    """The records from ``start`` on. Raises LogError."""
    from eventkeep.log.inspection import read_log
    from eventkeep.log.record import decode

    for content in read_log(folder, start):
        yield decode(content, f"a record of the log in {folder}")


def tell(output: Output, record: Record, as_json: bool) -> None:
    told = told_of(record)
    if as_json:
        output.json_line(told)
        return
    changes = ", ".join(f"{rows} {name}" for name, rows in told["changes"].items())
    events = f"{told['events']} events" if told["events"] else ""
    output.line(f"{record.position:>10}  {told['time']}  {', '.join(part for part in (changes, events) if part)}")


def told_of(record: Record) -> dict[str, Any]:
    """The form in which a record is shown: position, time in ISO 8601, rows by table, and number of events."""
    import datetime

    from eventkeep.directory.changes import SHAPES, Operation, decode_changes

    changes: dict[str, int] = {}
    for change in decode_changes(record.changes, f"record {record.position}"):
        name = SHAPES[change.table].name + (" deleted" if change.operation is Operation.DELETE else "")
        changes[name] = changes.get(name, 0) + len(change.rows)
    time_ = datetime.datetime.fromtimestamp(record.time / 1_000_000, datetime.UTC)
    events = 0 if record.events is None else len(record.events)
    return {
        "position": record.position,
        "time": time_.isoformat(timespec="milliseconds"),
        "changes": changes,
        "events": events,
    }
