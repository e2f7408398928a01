"""``eventkeep profiles``: list profiles, find one by an identifier, and show one."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from eventkeep.cli.choices import PROFILE_HELP, admin_routes, find_profile
from eventkeep.cli.connection import ApiKeyOption, UrlOption, connect_to_read
from eventkeep.cli.customer_views import consent_lines, value_lines
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.groups import ListsByDefault
from eventkeep.cli.listing import print_list
from eventkeep.cli.output import (
    Column,
    JsonDocumentOption,
    JsonLinesOption,
    Output,
    in_utc,
    note,
    print_details,
    print_object,
    shown_time,
    without_absent,
)
from eventkeep.client.admin_routes import IdentifierKind, list_profiles_call
from eventkeep.client.customer_results import PredictiveAnalytics
from eventkeep.client.errors import NotFoundError, PermissionDeniedError
from eventkeep.client.results import Profile
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.limits import LISTED_MAX

COLUMNS: Final = (
    Column("id", 26),
    Column("email, phone or external_id", 28, can_be_cut=True),
    Column("name", 20, can_be_cut=True),
    Column("last event", 10),
)
ADDITIONAL_FIELDS: Final = ("subscriptions", "predictive_analytics")
EPILOG: Final = f"""
Example: eventkeep profiles --email ada@shop.example

{EXIT_CODES_HELP}
"""

profiles = typer.Typer(
    cls=ListsByDefault,
    help="List profiles, the newest first, or show one. Without a command: list.",
    epilog=EPILOG,
)


@profiles.command("list", epilog=EPILOG)
def list_(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    email: Annotated[str | None, typer.Option(help="Only the profile with this email address.")] = None,
    phone_number: Annotated[str | None, typer.Option(help="Only the profile with this phone number.")] = None,
    external_id: Annotated[str | None, typer.Option(help="Only the profile with this external_id.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest profile.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="How many profiles at the most.")] = 20,
    as_json_lines: JsonLinesOption = False,
) -> None:
    """List profiles, or the one that an identifier means."""
    identifier = only_identifier(email, phone_number, external_id)
    with connect_to_read(url, api_key) as client, admin_routes(client):
        print_list(
            lambda size, cursor: (
                client.perform(
                    list_profiles_call(
                        identifier=identifier, newest_first=not oldest_first, page_size=size, cursor=cursor
                    )
                ).data
            ),
            limit,
            COLUMNS,
            row,
            without_absent if as_json_lines else None,
            "no profile was found",
        )


@profiles.command(epilog="Example: eventkeep profiles show ada@shop.example")
def show(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help=f"Its {PROFILE_HELP}.")],
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    as_json_document: JsonDocumentOption = False,
) -> None:
    """Show one profile with its consent, its value as a customer, its location and its properties."""
    output = Output()
    with connect_to_read(url, api_key) as client, admin_routes(client):
        found = with_consent_and_value(client, find_profile(client, profile))
    if as_json_document:
        output.json_document(without_absent(found))
        return
    plain = ("email", "phone_number", "external_id", "anonymous_id", "first_name", "last_name")
    further = ("organization", "title", "locale", "image")
    print_details(
        output,
        [
            ("id", found.id),
            *((name, str(getattr(found, name) or "")) for name in (*plain, *further)),
            ("last event", in_utc(found.last_event_date)),
            ("created", in_utc(found.created)),
            ("updated", in_utc(found.updated)),
            *(() if found.subscriptions is None else consent_lines(found.subscriptions)),
            *(() if found.predictive_analytics is None else value_lines(found.predictive_analytics)),
        ],
    )
    location = {name: value for name, value in (found.location or {}).items() if value is not None}
    print_object(output, "location", location)
    print_object(output, "properties", found.properties)


def with_consent_and_value(client: Client, found: Profile) -> Profile:
    """The profile with its additional fields, if the scopes of the key and the clock of the account allow it."""
    try:
        read = client.profiles.get_profile(
            found.id, additional_fields_profile=ADDITIONAL_FIELDS, fields_profile=ADDITIONAL_FIELDS
        )
    except (PermissionDeniedError, NotFoundError) as exc:
        # A stand-in whose clock is in the past does not know the newest revision yet.
        note(f"consent and value are not shown: {exc}")
        return found
    value = read.predictive_analytics
    return msgspec.structs.replace(
        found,
        subscriptions=read.subscriptions,
        # Who has never ordered has a value of which nothing is known.
        predictive_analytics=None if value == PredictiveAnalytics() else value,
    )


def row(each: Profile) -> list[str]:
    """The cells of COLUMNS."""
    name = " ".join(part for part in (each.first_name, each.last_name) if part)
    identifier = each.email or each.phone_number or each.external_id or each.anonymous_id or ""
    return [each.id, identifier, name, shown_time(each.last_event_date)[:10]]


def only_identifier(
    email: str | None, phone_number: str | None, external_id: str | None
) -> tuple[IdentifierKind, str] | None:
    """The identifier among the options. Raises ConfigurationError if there are several."""
    options: list[tuple[IdentifierKind, str | None]] = [
        ("email", email),
        ("phone_number", phone_number),
        ("external_id", external_id),
    ]
    given = [(kind, value) for kind, value in options if value is not None]
    if len(given) > 1:
        named = " and ".join(f"--{kind.replace('_', '-')}" for kind, _ in given)
        raise ConfigurationError(f"{named} can't be had at once; choose one")
    return given[0] if given else None
