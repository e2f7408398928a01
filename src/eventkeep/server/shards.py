"""The shards of a log as a node sees them: where each account lives, and which nodes the other shards have."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog

from eventkeep.cluster.lease import Holder
from eventkeep.cluster.link import Link
from eventkeep.cluster.registry import NodeState
from eventkeep.cluster.shard_map import AccountEntry, NameEntry, ShardMap
from eventkeep.cluster.shard_nodes import ShardNodes
from eventkeep.cluster.streams import StreamNames, stream_names
from eventkeep.directory import Directory
from eventkeep.directory.keys import ID_CHARACTERS, PREFIX
from eventkeep.directory.moves import Home, MoveState
from eventkeep.errors import InvalidRequest, LogUnreachable, StoreError
from eventkeep.http.request import Request
from eventkeep.limits import CLUSTER_START_SECONDS_MAX, SHARD_MAP_SECONDS, SHARD_MAP_WRITES_AT_ONCE
from eventkeep.server.admission import SCHEMES, Admission
from eventkeep.server.node_settings import NodeSettings

logger = structlog.get_logger(__name__)

CLIENT_PREFIX: Final = "/client/"
COMPANY_ID: Final = "company_id"


class Shards:
    """The shards of the log of a node. ``own`` is the number of its shard; ``others`` are those that it hears of."""

    def __init__(self, settings: NodeSettings, link: Link, names: StreamNames) -> None:
        self._settings, self._link = settings, link
        self.own = settings.address.shard
        self.map = ShardMap(link, names)
        self.map.on_shard = self._hear_of
        self.others: dict[int, ShardNodes] = {}
        self._directory: Directory | None = None
        self._turns = 0

    def start(self, directory: Directory) -> None:
        """Read the map, and go on reading it. Raises LogUnreachable if it can't be read in time."""
        self._directory = directory
        self._link.start(self.map.follow())
        if not self.map.wait_loaded(CLUSTER_START_SECONDS_MAX):
            raise LogUnreachable("the map of the shards can't be read: look at the servers of NATS, and start again")

    @property
    def is_single(self) -> bool:
        """Whether every account lives here, as far as is known."""
        return not self.others

    def home(self, account: int) -> Home | None:
        """Where an account lives, as far as this node knows; None if it knows nothing of it."""
        assert self._directory is not None
        own, entry = self._directory.moves.home(account), self.map.accounts.get(account)
        if entry is None:
            return own
        told = Home(entry.moves, entry.shard)
        return told if own is None else max(own, told)

    def has_applied(self, account: int) -> bool:
        """Whether this node has applied the arrival of an account, if the map says that it lives here."""
        assert self._directory is not None
        home = self.home(account)
        return home is None or home.shard != self.own or home == self._directory.moves.home(account)

    def shown_home(self, account: int) -> Home | None:
        """The home with which this node shows its position to clients of an account; None if it never lived here."""
        assert self._directory is not None
        home = self.home(account)
        if home is None or home.shard == self.own:
            return home
        move = self._directory.moves.get(account)
        # A write that was stored just before the account has left.
        has_left = move is not None and move.state in (MoveState.GONE, MoveState.MOVED) and 0 < move.moves == home.moves
        return Home(home.moves - 1, self.own) if has_left else None

    def account_of(self, request: Request) -> int | None:
        """The account that a request is about, by its key or by the ``company_id`` of a client route; None if none."""
        if isinstance(request.memo, Admission):
            return request.memo.account
        with suppress(InvalidRequest):
            if request.path.startswith(CLIENT_PREFIX):
                return self._account_of_company(request.query_string)
        id = key_id(request.headers.get("authorization"))
        if id is None:
            return None
        if (account := self.map.keys.get(id)) is not None:
            return account
        assert self._directory is not None
        # The map may not have a key of this shard yet.
        return self._directory.keys.account_of(id)

    def _account_of_company(self, query: str) -> int | None:
        assert self._directory is not None
        values = parse_qs(query).get(COMPANY_ID)
        return None if values is None else self._directory.accounts.number_of(values[-1])

    def leader(self, shard: int) -> Holder | None:
        """The node that leads another shard; None if none does, as far as is known."""
        nodes = self.others.get(shard)
        return None if nodes is None else nodes.leader

    def reader(self, shard: int) -> NodeState | None:
        """A node of another shard for a read, on this machine if there is one; None if none is heard of."""
        nodes = self.others.get(shard)
        found = [] if nodes is None else sorted(nodes.readers(), key=lambda state: state.node)
        here = [state for state in found if host_of(state.url) == host_of(self._settings.url)]
        chosen = here or found
        self._turns += 1
        return chosen[self._turns % len(chosen)] if chosen else None

    def _hear_of(self, shard: int) -> None:
        """In the link's loop: there is this shard."""
        if shard == self.own:
            return
        nodes = ShardNodes(self._link, stream_names(self._settings.address.name, shard))
        self._link.start_soon(nodes.listen())
        self.others = {**self.others, shard: nodes}
        logger.info("this log has another shard", shard=shard)


class MapKeeper:
    """Has the map say what the directory of this shard says, while this node leads it. It has a thread of its own."""

    def __init__(self, shards: Shards, link: Link, directory: Directory, is_leading: Callable[[], bool]) -> None:
        self._shards, self._link, self._directory, self._is_leading = shards, link, directory, is_leading
        self._due, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="map", daemon=True)
        directory.on_accounts = self._due.set

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Compare the map with the directory soon: this node may lead now."""
        self._due.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._due.wait()
            self._due.clear()
            if self._stopping.is_set() or not self._is_leading():
                continue
            try:
                self._write()
            except StoreError as exc:
                logger.warning("the map of the shards could not be written", cause=str(exc))
                self._due.set()
            # Many changes in a row cost one comparison a second.
            self._stopping.wait(SHARD_MAP_SECONDS)

    def _write(self) -> None:
        """Write the entries that the map lacks or has in another form. Raises LogError and DirectoryError."""
        own, known = self._shards.own, self._shards.map
        writes: list[Coroutine[Any, Any, None]] = [] if own in known.shards else [known.put_shard(own)]
        accounts = self._directory.accounts.list()
        for account in accounts:
            home = self._directory.moves.home(account.number) or Home(0, own)
            entry = AccountEntry(home.moves, own, account.name)
            if (told := known.accounts.get(account.number)) is None or (told.moves <= home.moves and told != entry):
                writes.append(known.put_account(account.number, entry))
            named = NameEntry(account.number, own, account.name)
            if (found := known.account_named(account.name)) is None or found.number != account.number:
                writes.append(known.put_name(named))
        writes += [
            known.put_key(key.id, key.account)
            for key in self._directory.keys.list()
            if known.keys.get(key.id) != key.account
        ]
        self._link.run(in_batches(writes))


async def in_batches(writes: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do the writes, some at a time. Raises LogError."""
    for start in range(0, len(writes), SHARD_MAP_WRITES_AT_ONCE):
        await asyncio.gather(*writes[start : start + SHARD_MAP_WRITES_AT_ONCE])


def key_id(header: str | None) -> str | None:
    """The id of the key in an Authorization header, None if there is none."""
    scheme, _, key = (header or "").partition(" ")
    text = key.strip()
    if scheme.lower() not in SCHEMES or not text.startswith(PREFIX):
        return None
    return text[len(PREFIX) : len(PREFIX) + ID_CHARACTERS]


def host_of(url: str) -> str | None:
    """The host in a URL, None if there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
