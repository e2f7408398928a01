"""``eventkeep control``: the clock, the faults and the contents of an account of a stand-in."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from eventkeep.cli.assignments import ASSIGNMENT_METAVAR, parse_assignments
from eventkeep.cli.connection import ApiKeyOption, UrlOption, checked_key
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.cli.moments import MOMENT_HELP, parse_moment
from eventkeep.cli.output import Output
from eventkeep.client.controls import Controls
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX

EPILOG: Final = f"""
Example: eventkeep control clock --freeze --at 2026-12-31T23:59:59

The server has to run with --controls. Every change belongs to the account of the API key.

{EXIT_CODES_HELP}
"""
ControlsKeyOption = Annotated[
    str | None, typer.Option(help="The secret of the controls, if they have one.", show_default="none")
]

control = typer.Typer(help="Control the clock, the faults and the contents of a stand-in.", epilog=EPILOG)


def connect(url: str, api_key: str | None, controls_key: str | None) -> Controls:
    """The controls that the options name. Raises ConfigurationError."""
    return Controls(checked_key(api_key), url, controls_key)


@control.command(epilog=EPILOG)
def clock(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Stop it.")] = False,
    at: Annotated[str | None, typer.Option(help=f"Have it show {MOMENT_HELP} ago.", show_default=False)] = None,
    advance: Annotated[float | None, typer.Option(help="Move it by seconds.", show_default=False)] = None,
    rate: Annotated[float | None, typer.Option(help="Have it run so many times as fast.", show_default=False)] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Give the account the real clock again.")] = False,
) -> None:
    """Show the account's clock, after a change if one is asked for."""
    moment = parse_moment("--at", at, datetime.datetime.now(datetime.UTC))
    if freeze and rate:
        raise ConfigurationError("--freeze, --rate: a clock that stands still has no rate; choose one.")
    with connect(url, api_key, controls_key) as controls:
        if reset:
            controls.reset_clock()
        if freeze:
            controls.freeze(moment)
        elif moment is not None:
            controls.set_clock(moment)
        if advance is not None:
            controls.advance(advance)
        if rate is not None:
            controls.run_clock(rate)
        Output().json_document(controls.clock())


@control.command(epilog="Example: eventkeep control fail reset_after --operation create_event --times 1")
def fail(
    kind: Annotated[str | None, typer.Argument(help="The fault, such as status, throttled or reset_after.")] = None,
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    as_profile: Annotated[
        str | None, typer.Option("--as", help='A named profile of faults, such as "bad day".', show_default=False)
    ] = None,
    status: Annotated[int | None, typer.Option(help="The status of the kind status.", show_default="500")] = None,
    window: Annotated[str | None, typer.Option(help="burst or steady, for throttled.", show_default="burst")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long a slow body takes.", show_default="1")] = None,
    latency: Annotated[float | None, typer.Option(help="Seconds before the response.", show_default="0")] = None,
    times: Annotated[int | None, typer.Option(help="End after so many faults.", show_default="never")] = None,
    for_seconds: Annotated[float | None, typer.Option(help="End after seconds.", show_default="never")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.", show_default="any")] = None,
    containing: Annotated[
        str | None, typer.Option(help="Only bodies with this metric or identifier.", show_default="any")
    ] = None,
    probability: Annotated[float | None, typer.Option(help="How likely a fault is.", show_default="1")] = None,
) -> None:
    """Make requests fail: by one rule, or as a named profile."""
    if (kind is None) == (as_profile is None):
        raise ConfigurationError("KIND, --as: expected one of the two.")
    with connect(url, api_key, controls_key) as controls:
        if as_profile is not None:
            controls.fail_as(as_profile)
        else:
            match: dict[str, Any] = {"operation": operation, "identifier": containing, "probability": probability}
            controls.fail(
                str(kind),
                status=status,
                window=window,
                seconds=seconds,
                latency=latency,
                times=times,
                for_seconds=for_seconds,
                **{name: value for name, value in match.items() if value is not None},
            )
        show_lines(controls.faults())


@control.command(epilog="Example: eventkeep control faults --clear")
def faults(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all rules.")] = False,
) -> None:
    """List the fault rules, with how often each was used."""
    with connect(url, api_key, controls_key) as controls:
        if clear:
            controls.clear_faults()
        show_lines(controls.faults())


@control.command(epilog="Example: eventkeep control requests --operation create_event")
def requests(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.", show_default="any")] = None,
    status: Annotated[int | None, typer.Option(help="Only this status.", show_default="any")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the requests.")] = False,
) -> None:
    """List the newest requests of the account with their responses, one JSON object on a line."""
    with connect(url, api_key, controls_key) as controls:
        if clear:
            controls.clear_requests()
        show_lines(controls.requests(operation=operation, status=status))


@control.command(epilog="Example: eventkeep control expect 'Placed Order' --value 42.5")
def expect(
    metric: Annotated[str, typer.Argument(help="The name of the metric.")],
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    identifier: Annotated[
        str | None, typer.Option(help="Any identifier of the profile.", show_default="any profile")
    ] = None,
    value: Annotated[float | None, typer.Option(help="The value.", show_default="any")] = None,
    unique_id: Annotated[str | None, typer.Option(help="The unique id.", show_default="any")] = None,
    property_: Annotated[
        list[str] | None,
        typer.Option("--property", metavar=ASSIGNMENT_METAVAR, help="A property of the event.", show_default=False),
    ] = None,
) -> None:
    """Look for an event; if there is none, show the closest one and how it differs, and end with exit code 1."""
    properties = parse_assignments("--property", property_ or [])
    with connect(url, api_key, controls_key) as controls:
        found = controls.expect(metric, profile=identifier, value=value, unique_id=unique_id, properties=properties)
    Output().json_document(found)
    if found["found"] is None:
        raise typer.Exit(1)


@control.command(epilog="Example: eventkeep control reset")
def reset(url: UrlOption = URL_DEFAULT, api_key: ApiKeyOption = None, controls_key: ControlsKeyOption = None) -> None:
    """Empty the account and load its seed again."""
    with connect(url, api_key, controls_key) as controls:
        Output().json_document(controls.reset())


@control.command(epilog="Example: eventkeep control dump --output seed.toml")
def dump(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    output: Annotated[Path | None, typer.Option(help="A file to write.", show_default="standard output")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="json|toml|yaml", help="The format.", show_default="the ending of --output, or json"
        ),
    ] = None,
) -> None:
    """Write the account as a seed, with everything but its keys."""
    from eventkeep.standin.seed_text import FORMATS, seed_text

    name = format_ or FORMATS.get("" if output is None else output.suffix.lower(), "json")
    format = next((each for each in FORMATS.values() if each == name), None)
    if format is None:
        raise ConfigurationError(f"--format: expected json, toml or yaml, got {name[:ECHO_CHARACTERS_MAX]!r}")
    with connect(url, api_key, controls_key) as controls:
        text = seed_text([controls.dump()], format)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"--output: {output} can't be written: {exc.strerror}") from exc


@control.command(epilog="Example: eventkeep control webhooks --to http://127.0.0.1:9000/ --secret sixteen-characters")
def webhooks(
    url: UrlOption = URL_DEFAULT,
    api_key: ApiKeyOption = None,
    controls_key: ControlsKeyOption = None,
    to: Annotated[str | None, typer.Option(help="Deliver events to this URL.", show_default="none")] = None,
    secret: Annotated[str | None, typer.Option(help="The secret that signs deliveries.", show_default="none")] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic, such as event:api.placed_order.", show_default="event:*")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Deliver no more.")] = False,
) -> None:
    """List the webhooks of the account, after one is added or all are removed."""
    if (to is None) != (secret is None):
        raise ConfigurationError("--to, --secret: expected both or none.")
    with connect(url, api_key, controls_key) as controls:
        if clear:
            controls.clear_webhooks()
        if to is not None and secret is not None:
            controls.add_webhook(to, secret, topic or ("event:*",))
        show_lines(controls.webhooks())


def show_lines(values: list[dict[str, Any]]) -> None:
    """One JSON object on a line for each."""
    output = Output()
    for value in values:
        output.json_line(value)
