"""``eventkeep accounts``: the accounts of a data folder, and their details."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from eventkeep.cli.groups import ListsByDefault
from eventkeep.cli.keys import DEFAULT_ACCOUNT, check_exists
from eventkeep.cli.settings import AccountOption, ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.model.account_details import DEFAULTS, SETTING, AccountDetails
from eventkeep.model.account_settings import read_settings

SHOWN: Final = ("timezone", "preferred_currency")
"""Details that the list has even if they were not set."""

accounts = typer.Typer(
    cls=ListsByDefault,
    help="The accounts of a data folder, with the details that get_accounts has. Without a command: list.",
    epilog="Example: eventkeep accounts set timezone=Europe/Paris preferred_currency=EUR",
)


@accounts.command("list", epilog="Example: eventkeep accounts list --json")
def list_(
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on a line for each account.")] = False,
) -> None:
    """List the accounts. An account is made with its first key: see eventkeep keys create --account."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.directory.reader import DirectoryReader

    with DirectoryReader(folder) as directory:
        found = {
            each.name: read_settings(directory.account_settings.get(each.number, SETTING), AccountDetails)
            for each in directory.accounts.list()
        }
    if as_json:
        for name, details in found.items():
            print(json.dumps({"account": name, **details.all(name)}))
        return
    table = Table("account", "detail", "value")
    for name, details in found.items():
        lines = {key: text for key, text in details.all(name).items() if key in details.values or key in SHOWN}
        for place, (key, text) in enumerate(lines.items()):
            table.add_row(name if place == 0 else "", key, text)
    Console().print(table)


@accounts.command("set", epilog='Example: eventkeep accounts set --account "Shop in Paris" timezone=Europe/Paris')
def set_(
    details: Annotated[
        list[str],
        typer.Argument(metavar="NAME=TEXT...", help=f"Details: {', '.join(DEFAULTS)}. No text: the default."),
    ],
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
) -> None:
    """Change details of an account; the next get_accounts has them."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.server.control import CHANGE_DETAILS, ControlRequest
    from eventkeep.server.folder_changes import change_folder

    change_folder(folder, ControlRequest(CHANGE_DETAILS, account, details=parse_details(details)))
    print(f"changed  details of {account}")


def parse_details(given: list[str]) -> dict[str, str]:
    """The details that assignments name. Raises ConfigurationError."""
    found: dict[str, str] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or name in found:
            problem = "is given twice" if equals else "has no value"
            raise ConfigurationError(
                f"expected details such as timezone=Europe/Paris; {each[:ECHO_CHARACTERS_MAX]!r} {problem}"
            )
        found[name] = text
    return found
