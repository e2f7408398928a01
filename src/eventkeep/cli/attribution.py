"""``eventkeep attribution``: the time for which events are credited to a message."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from eventkeep.cli.groups import ListsByDefault
from eventkeep.cli.keys import DEFAULT_ACCOUNT, check_exists, named
from eventkeep.cli.settings import AccountOption, ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.model.account_settings import read_settings
from eventkeep.model.attribution import DEFAULT_WINDOWS
from eventkeep.model.attribution_settings import SETTING, AttributionChange, AttributionSettings, Starts

OFF: Final = "off"
_WINDOW: Final = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

attribution = typer.Typer(
    cls=ListsByDefault,
    help="Which messages events are credited to, and for how long. Without a command: list.",
    epilog='Example: eventkeep attribution set "Clicked SMS" 24h',
)


@attribution.command("list", epilog="Example: eventkeep attribution list --json")
def list_(
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on a line for each metric.")] = False,
) -> None:
    """List the metrics that count as touches of a message, and their windows."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.directory.reader import DirectoryReader

    with DirectoryReader(folder) as directory:
        number = named(account, directory.accounts.list()).number
        rule = read_settings(directory.account_settings.get(number, SETTING), AttributionSettings).rule()
    metrics = sorted({*DEFAULT_WINDOWS, *rule.windows})
    if as_json:
        for metric in metrics:
            shown = {
                "metric": metric,
                "window_seconds": rule.windows.get(metric),
                "default_seconds": DEFAULT_WINDOWS.get(metric),
                "starts": rule.starts,
            }
            print(json.dumps(shown))
        return
    table = Table("metric", "window", "default")
    for metric in metrics:
        table.add_row(metric, window_text(rule.windows.get(metric)), window_text(DEFAULT_WINDOWS.get(metric)))
    Console().print(table)
    print(f"A window starts when the message was {'sent' if rule.starts == 'sent' else 'opened, clicked or received'}.")


@attribution.command("set", epilog='Example: eventkeep attribution set "Clicked SMS" 24h "Received SMS" off')
def set_(
    windows: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METRIC WINDOW]...", help="Metrics, each with its window: 12h, 5d, or off."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    starts: Annotated[
        str | None,
        typer.Option(
            metavar="touch|sent", help="When a window starts: with the open or the click, or with the sending."
        ),
    ] = None,
) -> None:
    """Change windows. Reads compute with them at once, also for events that are stored already."""
    texts = windows or []
    if len(texts) % 2 or not (texts or starts):
        raise ConfigurationError("expected metrics, each followed by its window, such as: 'Clicked SMS' 24h")
    pairs = dict(zip(texts[::2], map(parse_window, texts[1::2]), strict=True))
    _change(
        AttributionChange(windows=pairs, starts=None if starts is None else parse_starts(starts)), data, config, account
    )


@attribution.command(epilog='Example: eventkeep attribution reset "Clicked SMS"')
def reset(
    metrics: Annotated[
        list[str] | None, typer.Argument(metavar="[METRIC]...", help="Only the windows of these metrics.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
) -> None:
    """Go back to the defaults."""
    _change(AttributionChange(reset=metrics or [], resets_all=not metrics), data, config, account)


def parse_window(text: str) -> int | None:
    """The seconds of a window, None for off. Raises ConfigurationError."""
    if text == OFF:
        return None
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"expected a window such as 12h, 5d or off, got {text[:ECHO_CHARACTERS_MAX]!r}")
    return int(match[1]) * _SECONDS[match[2]]


def parse_starts(text: str) -> Starts:
    """When windows start. Raises ConfigurationError."""
    try:
        starts: Starts = msgspec.convert(text, Starts)
    except msgspec.ValidationError:
        raise ConfigurationError(f"--starts: expected touch or sent, got {text[:ECHO_CHARACTERS_MAX]!r}") from None
    return starts


def window_text(seconds: int | None) -> str:
    """A window in its largest whole unit."""
    if seconds is None:
        return OFF
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _change(change: AttributionChange, data: DataOption, config: ConfigOption, account: str) -> None:
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.server.control import CHANGE_ATTRIBUTION, ControlRequest
    from eventkeep.server.folder_changes import change_folder

    change_folder(folder, ControlRequest(CHANGE_ATTRIBUTION, account, attribution=change))
    print(f"changed  attribution of {account}")
