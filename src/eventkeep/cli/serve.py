"""``eventkeep serve``: the server itself."""

from __future__ import annotations

from typing import Annotated

import typer

from eventkeep.cli.settings import ConfigOption, serve_settings

EPILOG = """
Every option can also be given as EVENTKEEP_OPTION in the environment, or in eventkeep.toml in the
current folder; a flag wins over the environment, and that over the file.

Example: eventkeep serve --data /srv/eventkeep --host 0.0.0.0 --rate-limits off
"""


def serve(
    data: Annotated[str | None, typer.Option(help="The data folder.", show_default="eventkeep-data")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[str | None, typer.Option(help="The port; 0 takes a free one.", show_default="8340")] = None,
    rate_limits: Annotated[
        str | None,
        typer.Option(help="hosted: the hosted service's figures; off: none.", show_default="hosted"),
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.", show_default="info")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.", show_default="console")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="The beginning of links.", show_default="scheme and host of the request")
    ] = None,
    trust_forwarded: Annotated[
        bool | None,
        typer.Option("--trust-forwarded/--no-trust-forwarded", help="Believe X-Forwarded-Proto and -Host."),
    ] = None,
    default_revision: Annotated[
        str | None,
        typer.Option(help="The revision of requests that name none.", show_default="2023-07-15"),
    ] = None,
    metrics_port: Annotated[
        str | None, typer.Option(help="A port for /metrics; 0 takes a free one.", show_default="none")
    ] = None,
    log_retention_bytes: Annotated[
        str | None,
        typer.Option(help="How large the log may be before records that both stores have go.", show_default="no limit"),
    ] = None,
    log_retention_hours: Annotated[
        str | None,
        typer.Option(help="How long records that both stores have stay in the log.", show_default="no limit"),
    ] = None,
    log_follower_bytes: Annotated[
        str | None,
        typer.Option(help="How much of the log stays for followers at most.", show_default="1000000000"),
    ] = None,
    log_follower_hours: Annotated[
        str | None,
        typer.Option(help="How long the log stays for a node of a cluster that is silent.", show_default="24"),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(help="The address of a replicated log, nats://host:4222,….", show_default="in the data folder"),
    ] = None,
    node: Annotated[
        str | None, typer.Option(help="The name of this node of a cluster.", show_default="name of the machine")
    ] = None,
    node_url: Annotated[
        str | None, typer.Option(help="The URL of this node for the others.", show_default="http://HOST:PORT")
    ] = None,
    node_secret: Annotated[
        str | None, typer.Option(help="The secret that the nodes of a cluster share.", show_default="none")
    ] = None,
    connections_per_host: Annotated[
        str | None, typer.Option(help="Connections of one client address.", show_default="512")
    ] = None,
    fit_predictions_hours: Annotated[
        str | None,
        typer.Option(help="Hours between two fits of an account's predictions; 0 for none.", show_default="24"),
    ] = None,
    controls: Annotated[
        bool | None,
        typer.Option("--controls/--no-controls", help="Let tests control clocks, faults and more."),
    ] = None,
    controls_key: Annotated[
        str | None, typer.Option(help="The secret that requests to the controls must bring.", show_default="none")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="A file of accounts to begin with, if there are controls.", show_default="none")
    ] = None,
    repeatable_ids: Annotated[
        str | None,
        typer.Option(help="A number from which all ids follow, if there are controls.", show_default="random ids"),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the Klaviyo Events API from a data folder, until SIGTERM or SIGINT."""
    # The settings interpret the options: they read the environment and the file by the same rules.
    settings = serve_settings(
        {
            "data": data,
            "host": host,
            "port": port,
            "rate_limits": rate_limits,
            "log_level": log_level,
            "log_format": log_format,
            "public_url": public_url,
            "trust_forwarded": trust_forwarded,
            "default_revision": default_revision,
            "metrics_port": metrics_port,
            "log_retention_bytes": log_retention_bytes,
            "log_retention_hours": log_retention_hours,
            "log_follower_bytes": log_follower_bytes,
            "log_follower_hours": log_follower_hours,
            "log": log,
            "node": node,
            "node_url": node_url,
            "node_secret": node_secret,
            "connections_per_host": connections_per_host,
            "fit_predictions_hours": fit_predictions_hours,
            "controls": controls,
            "controls_key": controls_key,
            "seed": seed,
            "repeatable_ids": repeatable_ids,
            "config": config,
        }
    )
    # The engine takes a moment to load: not for the other commands, and not for --help.
    from eventkeep.server.serve import run

    run(settings)
