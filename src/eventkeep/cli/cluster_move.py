"""``eventkeep cluster move``: an account from one shard to another, while it is used.

The node that leads the account's shard moves it; the command begins the move and shows how far it is.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Final

import httpx
from rich.console import Console

from eventkeep.cluster.lease import KEY, decode_holder
from eventkeep.cluster.link import Link
from eventkeep.cluster.shard_map import read_map
from eventkeep.cluster.streams import StreamNames, stream_names
from eventkeep.config import ServeSettings
from eventkeep.directory.moves import MoveState
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable, Unavailable
from eventkeep.limits import CLUSTER_CONNECT_SECONDS_MAX, CLUSTER_START_SECONDS_MAX, MOVE_RESPONSE_SECONDS_MAX
from eventkeep.server.departures import send_message
from eventkeep.server.move_messages import NONE, AbandonMove, LookMove, MoveMessage, MoveReport, StartMove
from eventkeep.server.node_settings import SECRET, NodeSettings, node_settings

COMMAND: Final = "eventkeep-move"
LOOK_SECONDS: Final = 0.25
"""Seconds between two looks at a move."""
LINE_SECONDS: Final = 2.0
"""Seconds between two plain lines of progress."""
DONE: Final = (MoveState.GONE, MoveState.MOVED)


def move_account(settings: ServeSettings, name: str, to: int) -> None:
    """Move an account, and wait until it lives in the shard. Raises ConfigurationError and LogError."""
    with Mover(required(settings)) as mover:
        source = mover.shard_of(name)
        if source == to:
            print(f"nothing to do  {name} lives in shard {to}")
            return
        started = time.monotonic()
        account = mover.send(source, StartMove(name, to)).account
        shown = Shown()
        while True:
            report = mover.send(source, LookMove(account))
            if report.state in DONE:
                break
            if report.state in (NONE, MoveState.ARRIVED):
                raise ConfigurationError(f"{name} stays in shard {source}: the move was abandoned; see the nodes' logs")
            shown.show(report)
            time.sleep(LOOK_SECONDS)
    print(f"moved  {name} from shard {source} to shard {to} in {time.monotonic() - started:.1f} seconds")


def abandon_move(settings: ServeSettings, name: str) -> None:
    """Have an account stay that is being moved. Raises ConfigurationError and LogError."""
    with Mover(required(settings)) as mover:
        source = mover.shard_of(name)
        mover.send(source, AbandonMove(name))
    print(f"abandoned  {name} stays in shard {source}")


def required(settings: ServeSettings) -> NodeSettings:
    """The settings of a node. Raises ConfigurationError."""
    node = node_settings(settings)
    if node is None:
        raise ConfigurationError("--log: the address of the log is missing")
    return node


class Mover:
    """Speaks with the nodes that lead the shards."""

    def __init__(self, node: NodeSettings) -> None:
        self._node = node

    def __enter__(self) -> Mover:
        self._link = Link(self._node.address, COMMAND)
        self._http = httpx.Client(
            headers={SECRET: self._node.secret}, timeout=MOVE_RESPONSE_SECONDS_MAX, trust_env=False
        )
        servers = len(self._node.address.servers)
        if not self._link.run(self._link.wait_connected(servers * CLUSTER_CONNECT_SECONDS_MAX)):
            self.__exit__()
            raise LogUnreachable("no server of NATS can be reached")
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._link), closing(self._http):
            pass

    def shard_of(self, name: str) -> int:
        """The shard in which an account lives. Raises ConfigurationError if there is no such account."""
        found = read_map(self._link, self._names(0), CLUSTER_START_SECONDS_MAX)
        entry = found.account_named(name)
        account = None if entry is None else found.accounts.get(entry.number)
        if account is None:
            raise ConfigurationError(f"there is no account {name!r}; eventkeep cluster status shows them")
        return account.shard

    def send(self, shard: int, message: MoveMessage) -> MoveReport:
        """Send a message to the node that leads a shard, again and again for a while if none does.

        Raises ConfigurationError if it refuses, LogUnreachable if it can't be reached in time.
        """
        deadline = time.monotonic() + CLUSTER_START_SECONDS_MAX
        while True:
            try:
                report = send_message(self._http, self._leader(shard), message)
            except (Unavailable, LogError) as exc:
                if time.monotonic() > deadline:
                    raise LogUnreachable(f"shard {shard} does not respond: {exc}") from exc
                time.sleep(LOOK_SECONDS)
                continue
            if report.error:
                raise ConfigurationError(report.error)
            return report

    def _leader(self, shard: int) -> str:
        """The URL of the node that leads a shard. Raises LogUnreachable if none does."""
        names = self._names(shard)
        message = self._link.run(self._link.last_message(names.bucket, f"{names.key_subject}.{KEY}"))
        holder = None if message is None else decode_holder(message.content)
        if holder is None or not holder.url:
            raise LogUnreachable(f"no node of shard {shard} leads")
        return holder.url

    def _names(self, shard: int) -> StreamNames:
        return stream_names(self._node.address.name, shard)


class Shown:
    """How far a move is: one line that changes on a terminal, a line every two seconds elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._shown_at, self._shown = float("-inf"), ""

    def show(self, report: MoveReport) -> None:
        text = progress_text(report)
        is_due = self._console.is_terminal or time.monotonic() - self._shown_at > LINE_SECONDS
        if text != self._shown and is_due:
            self._shown_at, self._shown = time.monotonic(), text
            self._console.print(text, end="\r" if self._console.is_terminal else "\n")


def progress_text(report: MoveReport) -> str:
    """How far a move is, in a line."""
    # Events that are stored meanwhile come on top.
    text = f"{report.state}: {report.done:,} of {max(report.done, report.total):,} events"
    if report.behind:
        text += f", {report.behind:,} records behind"
    return f"{text} ({report.note})" if report.note else text
