"""``eventkeep cluster``: look at a cluster, operate it, and try one out on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from eventkeep.cli.settings import ConfigOption, DataOption
from eventkeep.errors import ConfigurationError
from eventkeep.limits import SHARDS_MAX

if TYPE_CHECKING:
    from eventkeep.cluster.overview import ShardRow

cluster = typer.Typer(no_args_is_help=True, help="Look at a cluster of nodes with a replicated log, and operate it.")

LogOption = Annotated[
    str,
    typer.Option("--log", help="The address of the log, nats://host:4222,…/name, with ?shard=1 of a shard."),
]

SecretOption = Annotated[
    str | None, typer.Option("--node-secret", help="The secret that the nodes share.", show_default="none")
]
JOIN_EPILOG = """
Example: eventkeep cluster join --data /srv/eventkeep --log nats://db1,db2,db3/events --node db4

A server does the same by itself when it starts and its folder can't follow the log. The command is for a folder that
is prepared before its server starts, and with --replace for one that is damaged.
"""
SNAPSHOT_EPILOG = """
Example: eventkeep cluster snapshot /backups/events --log nats://db1,db2,db3/events

A data folder is made of it with eventkeep restore, for one server with a log of its own.
"""

MOVE_EPILOG = """
Example: eventkeep cluster move "Shop" --to 1 --log nats://db1,db2,db3/events

The account is read and written meanwhile; for about a second creates get 503 with Retry-After. The node that leads the
account's shard does it: the command may be stopped, and shows the same move again when it is repeated.
"""


@cluster.callback()
def prepare() -> None:
    """Keep standard output for results: errors of the log go to standard error."""
    from eventkeep.server.logs import configure_logs

    configure_logs("error", "console")


@cluster.command(epilog="Example: eventkeep cluster status --log nats://db1,db2,db3")
def status(
    log: LogOption,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Show the log, the servers that hold it, how far each node has come, and the shards with their accounts."""
    from eventkeep.cluster.address import parse_log_address
    from eventkeep.cluster.overview import overview

    found = overview(parse_log_address(log))
    if as_json:
        print(json.dumps(msgspec.to_builtins(found)))
        return
    shard = f", shard {found.shard}" if len(found.shards) > 1 else ""
    print(
        f"log      {found.log}{shard} ({found.identity}), records {found.first} to {found.last}, {found.bytes:,} bytes"
    )
    servers = [f"{found.stream_leader} (leads)", *(replica_text(each) for each in found.replicas)]
    print(f"servers  {', '.join(servers)}")
    print(f"leader   {found.leader or 'none'}")
    table = Table("node", "url", "role", "position", "lag", "seen", "version", "note")
    for row in found.nodes:
        seen = f"{row.age_seconds:.0f} s ago"
        table.add_row(row.node, row.url, row.role, str(row.position), str(row.lag), seen, row.version, row.note)
    Console().print(table)
    if len(found.shards) > 1:
        Console().print(shards_table(found.shards))


@cluster.command(epilog=JOIN_EPILOG)
def join(
    log: LogOption,
    data: DataOption = None,
    node: Annotated[
        str | None, typer.Option(help="The name that the node will have.", show_default="name of the machine")
    ] = None,
    node_secret: SecretOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Load it also if the folder could follow the log, or is damaged.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Load the state of a node that runs into a data folder, so that a new node can follow from there."""
    from eventkeep.cli.cluster_join import join_cluster
    from eventkeep.cli.settings import serve_settings

    join_cluster(
        serve_settings({"log": log, "data": data, "node": node, "node_secret": node_secret, "config": config}), replace
    )


@cluster.command(epilog=SNAPSHOT_EPILOG)
def snapshot(
    folder: Annotated[Path, typer.Argument(help="The folder of the backup, which is made.")],
    log: LogOption,
    node_secret: SecretOption = None,
    config: ConfigOption = None,
) -> None:
    """Back up a cluster while it runs: a snapshot of one node, in the form of eventkeep backup."""
    from eventkeep.cli.cluster_join import back_up_cluster
    from eventkeep.cli.settings import serve_settings

    back_up_cluster(folder, serve_settings({"log": log, "node_secret": node_secret, "config": config}))


@cluster.command(epilog="Example: eventkeep cluster failover --log nats://db1,db2,db3")
def failover(log: LogOption) -> None:
    """Have the node that leads give way to another one: before it is taken down, for example."""
    from eventkeep.cluster.address import parse_log_address
    from eventkeep.cluster.overview import fail_over

    before, after = fail_over(parse_log_address(log))
    if after is None:
        raise ConfigurationError("no node has taken the lead: eventkeep cluster status shows which ones there are")
    print(f"{before or 'nobody'} led, {after} leads")


@cluster.command(epilog="Example: eventkeep cluster leave db3 --log nats://db1,db2")
def leave(node: Annotated[str, typer.Argument(help="The name of the node.")], log: LogOption) -> None:
    """Forget a node that was taken away for good, so that no records are kept for it."""
    from eventkeep.cluster.address import parse_log_address
    from eventkeep.cluster.overview import leave as forget

    if not forget(parse_log_address(log), node):
        raise ConfigurationError(f"there is no node {node!r}: eventkeep cluster status shows them")
    print(f"forgot  {node}")


@cluster.command(epilog=MOVE_EPILOG)
def move(
    account: Annotated[str, typer.Argument(help="The account by name.")],
    log: LogOption,
    to: Annotated[
        int | None, typer.Option(min=0, max=SHARDS_MAX - 1, help="The shard that the account moves to.")
    ] = None,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Have the account stay where it is, if it has not moved yet.")
    ] = False,
    node_secret: SecretOption = None,
    config: ConfigOption = None,
) -> None:
    """Move an account to another shard while it is used."""
    from eventkeep.cli.cluster_move import abandon_move, move_account
    from eventkeep.cli.settings import serve_settings

    settings = serve_settings({"log": log, "node_secret": node_secret, "config": config})
    if abandon == (to is not None):
        raise ConfigurationError("expected either --to SHARD or --abandon")
    if to is None:
        abandon_move(settings, account)
    else:
        move_account(settings, account, to)


@cluster.command(epilog="Example: eventkeep cluster demo")
def demo(
    events: Annotated[int, typer.Option(min=10, max=100_000, help="How many events to send.")] = 300,
) -> None:
    """Start three servers of NATS and three nodes here, send events, kill the node that leads, and count the events."""
    from eventkeep.cli.cluster_demo import run_demo

    run_demo(events)


def shards_table(rows: list[ShardRow]) -> Table:
    """The shards of a log, a row for each."""
    table = Table("shard", "leader", "nodes", "records", "accounts", "keys", "names")
    for row in rows:
        names = ", ".join(row.names) + (", …" if len(row.names) < row.accounts else "")
        numbers = [str(number) for number in (row.nodes, row.last, row.accounts, row.keys)]
        table.add_row(str(row.shard), row.leader or "none", *numbers, names)
    return table


def replica_text(replica: object) -> str:
    """A replica in a word or two."""
    from eventkeep.cluster.streams import Replica

    assert isinstance(replica, Replica)
    state = "offline" if replica.offline else "current" if replica.current else f"{replica.lag} behind"
    return f"{replica.name} ({state})"
