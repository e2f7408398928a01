"""``eventkeep keys``: make, list and revoke API keys, through the server if one runs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from eventkeep.cli.output import Column, Output, Table, note
from eventkeep.cli.settings import ConfigOption, DataOption, data_folder, serve_settings
from eventkeep.config import ServeSettings
from eventkeep.errors import ConfigurationError

if TYPE_CHECKING:
    # The database's library takes longer to load than most commands take: the functions that use it load it.
    from eventkeep.directory import Account, KeyRecord

DEFAULT_ACCOUNT: Final = "default"
RESOURCES: Final = (
    *("accounts", "data-privacy", "events", "flows", "lists", "metrics", "profiles", "segments", "subscriptions"),
)
SCOPES: Final = ", ".join(f"{resource}:{right}" for resource in RESOURCES for right in ("read", "write"))
COLUMNS: Final = (
    Column("id", 8),
    Column("account", 10, can_be_cut=True),
    Column("scopes", 12, can_be_cut=True),
    Column("label", 10, can_be_cut=True),
    Column("created", 10),
    Column("last used (UTC)", 16),
    Column("revoked", 10),
)
DAY_CHARACTERS: Final = len("2024-06-15")
MINUTE_CHARACTERS: Final = len("2024-06-15 12:00")
keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys; also while a server runs.")


@keys.command(epilog='Example: eventkeep keys create --account "Shop" --scopes events:write --label "till 4"')
def create(
    data: DataOption = None,
    config: ConfigOption = None,
    account: Annotated[str, typer.Option(help="The account by name; made if there is none.")] = DEFAULT_ACCOUNT,
    scopes: Annotated[
        str,
        typer.Option(help=f"full, or some of {SCOPES}, with commas between."),
    ] = "full",
    label: Annotated[str, typer.Option(help="The purpose of the key, for the list.")] = "",
    new: Annotated[
        bool, typer.Option("--new", help="Make a new data folder, even if a server runs with another one.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the key alone.")] = False,
) -> None:
    """Make a key, in the data folder, which is made if there is none. It is shown once: only a digest is kept."""
    from eventkeep.directory import parse_scopes
    from eventkeep.directory.creation import FILE_NAME
    from eventkeep.server.control import ControlRequest
    from eventkeep.server.folder_changes import change_folder

    settings = serve_settings({"data": data, "config": config})
    request = ControlRequest("create_key", account, sorted(parse_scopes(scopes)), label)
    if not new:
        check_not_elsewhere(settings)
    is_new = not (settings.data / FILE_NAME).exists()
    made = change_folder(settings.data, request)
    if is_new:
        note(f"made a new data folder, {settings.data.absolute()}")
    elif not quiet:
        note(f"the key is in the data folder {settings.data.absolute()}")
    if quiet:
        print(made.key)
        return
    print(f"key      {made.key}")
    print(f"id       {made.id}")
    print(f"account  {made.account}")
    print(f"scopes   {', '.join(made.scopes)}")
    print("Keep it now: it can't be shown again.")


@keys.command("list", epilog="Example: eventkeep keys list --account default --json")
def list_(
    data: DataOption = None,
    config: ConfigOption = None,
    account: Annotated[str | None, typer.Option(help="Only the keys of this account.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on a line for each key.")] = False,
) -> None:
    """List the keys, revoked ones too; never the keys themselves."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.directory.reader import DirectoryReader

    with DirectoryReader(folder) as directory:
        accounts = {found.number: found for found in directory.accounts.list()}
        chosen = None if account is None else named(account, list(accounts.values())).number
        records = directory.keys.list(chosen)
    if as_json:
        for record in records:
            print(json.dumps(shown(record, accounts[record.account])))
        return
    table = Table(Output(), COLUMNS)
    table.rows(row(record, accounts[record.account]) for record in records)


@keys.command(epilog="Example: eventkeep keys revoke 7qWkC6JP")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as keys list shows it.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a key. A running server refuses it at once."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.server.control import ControlRequest
    from eventkeep.server.folder_changes import change_folder

    if change_folder(folder, ControlRequest("revoke_key", id=key_id)).is_unknown:
        raise ConfigurationError(f"there is no key with the id {key_id!r}; eventkeep keys list shows them")
    print(f"revoked  {key_id}")


def check_not_elsewhere(settings: ServeSettings) -> None:
    """Raise ConfigurationError if the key would be in a new folder while a server runs with another one."""
    from eventkeep.cli.port_checks import running_server
    from eventkeep.directory.creation import FILE_NAME

    if (settings.data / FILE_NAME).exists():
        return
    url = running_server(settings.host, settings.port)
    if url is not None:
        raise ConfigurationError(
            f"--data: there is no store in {settings.data.absolute()}, and the server at {url} runs with another "
            "folder: it would not know the key. Give --data the folder that the server printed when it started, or "
            "--new to make a store here all the same."
        )


def check_exists(data: Path) -> None:
    """Raises ConfigurationError if there is no data folder."""
    if not data.is_dir():
        raise ConfigurationError(f"--data: there is no folder {data}")


def named(name: str, accounts: list[Account]) -> Account:
    """The account of that name. Raises ConfigurationError naming those there are."""
    for account in accounts:
        if account.name == name:
            return account
    known = ", ".join(repr(account.name) for account in accounts)
    raise ConfigurationError(f"--account: there is no account {name!r}; there is {known}")


def shown(record: KeyRecord, account: Account) -> dict[str, str | list[str] | None]:
    """A key as it is listed; times in ISO 8601."""
    return {
        "id": record.id,
        "account": account.name,
        "scopes": sorted(record.scopes),
        "label": record.label,
        "created": moment(record.created),
        "last_used": moment(record.last_used),
        "revoked": moment(record.revoked),
    }


def row(record: KeyRecord, account: Account) -> list[str]:
    """Return the cells of COLUMNS. A minute is exact enough: the last use is kept once a minute."""

    def minute(microseconds: int | None) -> str:
        return (moment(microseconds) or "")[:MINUTE_CHARACTERS].replace("T", " ")

    scopes = ", ".join(sorted(record.scopes))
    revoked, created = minute(record.revoked)[:DAY_CHARACTERS], minute(record.created)[:DAY_CHARACTERS]
    return [record.id, account.name, scopes, record.label, created, minute(record.last_used), revoked]


def moment(microseconds: int | None) -> str | None:
    """Unix microseconds as ISO 8601 to the second."""
    if microseconds is None:
        return None
    return datetime.datetime.fromtimestamp(microseconds // 1_000_000, datetime.UTC).isoformat()
