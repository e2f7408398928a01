"""``eventkeep send``: one event from options, or events from standard input."""

from __future__ import annotations

import datetime
import sys
from typing import Annotated

import typer

from eventkeep.cli.assignments import ASSIGNMENT_METAVAR, parse_assignments
from eventkeep.cli.connection import ApiKeyOption, RevisionOption, UrlOption, connect
from eventkeep.cli.event_sender import Sent, send_body, send_input
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.moments import parse_moment
from eventkeep.client.drafts import draft_attributes, draft_profile, event_body
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError

EPILOG = f"""
Examples:

eventkeep send --metric "Placed Order" --email ada@shop.example --value 42.5 --currency EUR
--property note="two cups" --property items:=2

cat events.jsonl | eventkeep send

Standard input is a document of the API (an event, or a bulk create job), or one object on a line: such a document, or
the short form {{"metric": …, "profile": {{"email": …}}, "properties": {{…}}, "value": …, "unique_id": …, "time": …}}.

{EXIT_CODES_HELP}
"""
IDENTIFIERS = {
    "profile_id": "id",
    "external_id": "external_id",
    "email": "email",
    "phone": "phone_number",
    "anonymous_id": "anonymous_id",
    "kx": "_kx",
}
"""The options for identifiers, and their names in the API."""


def send(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    metric: Annotated[
        str | None, typer.Option(help="The name of the metric; without it, events are read from standard input.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="The profile, by its email address.")] = None,
    phone: Annotated[str | None, typer.Option(help="The profile, by its phone number with the country: +33 …")] = None,
    external_id: Annotated[str | None, typer.Option(help="The profile, by an id of your own.")] = None,
    anonymous_id: Annotated[str | None, typer.Option(help="The profile, by an anonymous id.")] = None,
    profile_id: Annotated[str | None, typer.Option(help="The profile, by its id.")] = None,
    kx: Annotated[str | None, typer.Option("--kx", help="The profile, by the exchange id of a link.")] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar=ASSIGNMENT_METAVAR, help="Of the profile: first_name, location.city, properties.plan, …"),
    ] = None,
    property_: Annotated[
        list[str] | None, typer.Option("--property", "-p", metavar=ASSIGNMENT_METAVAR, help="A property of the event.")
    ] = None,
    value: Annotated[float | None, typer.Option(help="The value.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of the value, such as EUR.")] = None,
    time: Annotated[
        str | None, typer.Option(help="When it happened; 5m is five minutes ago.", show_default="now")
    ] = None,
    unique_id: Annotated[
        str | None, typer.Option(help="The same one again is stored once.", show_default="a new one")
    ] = None,
    service: Annotated[str | None, typer.Option(help="The integration that the metric belongs to.")] = None,
    revision: RevisionOption = None,
) -> None:
    """Send events. They are stored if it ends without an error."""
    identifiers = {"email": email, "phone": phone, "external_id": external_id, "anonymous_id": anonymous_id}
    identifiers |= {"profile_id": profile_id, "kx": kx}
    given = {IDENTIFIERS[name]: text for name, text in identifiers.items() if text is not None}
    about = {**given, **parse_assignments("--profile", profile or [], nested=("location", "properties"))}
    properties = parse_assignments("--property", property_ or [])
    with connect(url, api_key, revision) as client:
        if metric is None:
            if about or properties or value is not None:
                raise ConfigurationError("--metric: expected the name of a metric, got none")
            _print(_from_standard_input(client))
            return
        if not given:
            options = ", ".join("--" + name.replace("_", "-") for name in IDENTIFIERS)
            raise ConfigurationError(f"say whose event it is, with one of {options}")
        attributes = draft_attributes(
            metric,
            properties=properties,
            time=parse_moment("--time", time, datetime.datetime.now(datetime.UTC)),
            value=value,
            value_currency=currency,
            unique_id=unique_id,
            service=service,
        )
        _print(send_body(client, event_body(attributes, draft_profile(about), client.settings.revision)))


def _from_standard_input(client: Client) -> Sent:
    if sys.stdin.isatty():
        raise ConfigurationError("expected --metric and so on, or events on standard input")
    with open(sys.stdin.fileno(), "rb", closefd=False) as file:
        return send_input(client, file)


def _print(sent: Sent) -> None:
    """Print the counts on standard output, and identifiers that were not used on standard error."""

    def shown(number: int | None) -> str:
        return "not told" if number is None else f"{number:,}"

    print(f"stored     {shown(sent.stored)}")
    print(f"repeated   {shown(sent.repeated)}")
    if sent.refused_count is not None:
        print(f"refused    {sent.refused_count:,}")
    if sent.event_id is not None:
        print(f"id         {sent.event_id}")
    if sent.unique_id is not None:
        print(f"unique_id  {sent.unique_id}")
    if sent.partial_failure:
        names = ", ".join(sent.partial_failure)
        print(f"kept without {names}: it can't be used, or is another profile's", file=sys.stderr)
    if sent.refused is not None:
        raise sent.refused
