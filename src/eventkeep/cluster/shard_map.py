"""The map of the shards: which shard an account lives in, and which account a key belongs to, for all shards of a log.

It is a key-value bucket beside the streams of the shards. The node that leads a shard writes what its own directory
says, and every node reads all of it into memory. The map only says where a request goes: a shard that does not have the
account refuses it. An entry of an account with more moves is never replaced by one with fewer.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from eventkeep.cluster.lease import EXPECTED_REVISION
from eventkeep.cluster.link import Fetched, Link
from eventkeep.cluster.streams import StreamNames
from eventkeep.errors import LogError, LogUnreachable
from eventkeep.limits import SHARD_MAP_ENTRIES_MAX, SHARD_MAP_SECONDS

logger = structlog.get_logger(__name__)

ACCOUNTS: Final = "accounts"
KEYS: Final = "keys"
NAMES: Final = "names"
SHARDS: Final = "shards"
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A key's id that can be part of a subject."""
NAME_BYTES: Final = 16
RETRY_SECONDS: Final = 0.05
WRITES_MAX: Final = 5
"""How often a write is tried that others have come before."""


class AccountEntry(msgspec.Struct, frozen=True, array_like=True):
    """The shard of an account since it was moved ``moves`` times, and the account's name."""

    moves: int
    shard: int
    name: str


class NameEntry(msgspec.Struct, frozen=True, array_like=True):
    """The account of a name. ``number`` is 0 while ``shard`` has taken the name and has not made the account."""

    number: int
    shard: int
    name: str


class ShardMap:
    """The map in memory. Any thread reads; it changes in the link's loop."""

    def __init__(self, link: Link, names: StreamNames) -> None:
        self._link, self._stream, self._subject = link, names.map, names.map_subject
        self.accounts: dict[int, AccountEntry] = {}
        self.keys: dict[str, int] = {}
        """The number of the account by the id of a key."""
        self.names: dict[str, NameEntry] = {}
        self.shards: set[int] = set()
        self.on_shard: Callable[[int], None] = lambda _shard: None
        """Called in the link's loop with the number of each shard that is new here."""
        self._next = 1
        self._told_at = float("-inf")
        self._news = asyncio.Event()
        self._is_loaded = threading.Event()

    @property
    def is_full(self) -> bool:
        """Whether it takes no more accounts and keys."""
        return len(self.accounts) + len(self.names) + len(self.keys) >= SHARD_MAP_ENTRIES_MAX

    def account_named(self, name: str) -> NameEntry | None:
        """The account of that name, or the shard that is about to make it; None if the name is free."""
        return self.names.get(name_token(name))

    def wait_loaded(self, seconds: float) -> bool:
        """Wait until all entries that there were are here; returns whether they are."""
        return self._is_loaded.wait(seconds)

    async def follow(self) -> None:
        """Read all entries, and those that are written later, without an end."""
        await self._link.subscribe(f"{self._subject}.>", self._told)
        while True:
            self._news.clear()
            try:
                if await self.read():
                    continue
                self._is_loaded.set()
            except LogError as exc:
                logger.debug("the map of the shards could not be read", cause=str(exc))
            # The server that is asked may not have an entry yet that was told of.
            is_expected = time.monotonic() - self._told_at < SHARD_MAP_SECONDS
            try:
                await asyncio.wait_for(self._news.wait(), RETRY_SECONDS if is_expected else SHARD_MAP_SECONDS)
            except TimeoutError:
                continue

    async def read(self) -> bool:
        """Read the next entries; returns whether there were any. Raises LogUnreachable, LogError."""
        fetched = await self._link.fetch(self._stream, self._next, subject=">")
        for message in fetched:
            self._next = message.sequence + 1
            try:
                self._take(message)
            except (msgspec.MsgspecError, ValueError) as exc:
                logger.warning(
                    "an entry of the map of the shards can't be read", subject=message.subject, cause=str(exc)
                )
        return bool(fetched)

    def _take(self, message: Fetched) -> None:
        """Take one entry. Raises MsgspecError and ValueError if it is none."""
        kind, _, token = message.subject.removeprefix(f"{self._subject}.").partition(".")
        if kind == KEYS:
            self.keys[token] = msgspec.json.decode(message.content, type=int)
        elif kind == ACCOUNTS:
            entry = msgspec.json.decode(message.content, type=AccountEntry)
            known = self.accounts.get(int(token))
            if known is None or known.moves <= entry.moves:
                self.accounts[int(token)] = entry
        elif kind == NAMES:
            self.names[token] = msgspec.json.decode(message.content, type=NameEntry)
        elif kind == SHARDS and int(token) not in self.shards:
            self.shards.add(int(token))
            self.on_shard(int(token))

    def _told(self, _: bytes) -> None:
        self._told_at = time.monotonic()
        self._news.set()

    async def put_shard(self, shard: int) -> None:
        """Say that there is this shard. Raises LogUnreachable, LogError."""
        await self._write(f"{SHARDS}.{shard}", msgspec.json.encode(shard), None)

    async def put_key(self, id: str, account: int) -> None:
        """Say which account a key belongs to. Raises LogUnreachable, LogError."""
        if TOKEN.fullmatch(id) is not None:
            await self._write(f"{KEYS}.{id}", msgspec.json.encode(account), None)

    async def put_account(self, number: int, entry: AccountEntry) -> None:
        """Say where an account lives, unless the map knows a newer move. Raises LogUnreachable, LogError."""
        subject, content = f"{ACCOUNTS}.{number}", msgspec.json.encode(entry)
        for _ in range(WRITES_MAX):
            message = await self._link.last_message(self._stream, f"{self._subject}.{subject}")
            if message is not None:
                if msgspec.json.decode(message.content, type=AccountEntry).moves > entry.moves:
                    return
                if message.content == content:
                    return
            if await self._write(subject, content, 0 if message is None else message.sequence):
                return
        raise LogUnreachable(f"the entry of the account {number} could not be written: others write it too")

    async def put_name(self, entry: NameEntry) -> None:
        """Say which account has a name. Raises LogUnreachable, LogError."""
        await self._write(f"{NAMES}.{name_token(entry.name)}", msgspec.json.encode(entry), None)

    async def take_name(self, name: str, shard: int) -> NameEntry:
        """The account of a name, for which ``shard`` takes the name if it is free. Raises LogUnreachable, LogError."""
        subject = f"{NAMES}.{name_token(name)}"
        taken = NameEntry(0, shard, name)
        for _ in range(WRITES_MAX):
            message = await self._link.last_message(self._stream, f"{self._subject}.{subject}")
            if message is not None:
                return msgspec.json.decode(message.content, type=NameEntry)
            if await self._write(subject, msgspec.json.encode(taken), 0):
                return taken
        raise LogUnreachable(f"the name {name!r} could not be taken")

    async def _write(self, subject: str, content: bytes, revision: int | None) -> bool:
        """Write an entry; returns whether it had the ``revision``, None for any. Raises LogUnreachable, LogError."""
        headers = None if revision is None else {EXPECTED_REVISION: str(revision)}
        reply = await self._link.request(f"{self._subject}.{subject}", content, headers)
        if reply.fault is not None and revision is None:
            raise LogError(f"the map of the shards can't be written: {reply.fault.description}")
        return reply.fault is None


def name_token(name: str) -> str:
    """An account's name as a part of a subject."""
    return hashlib.blake2b(name.encode(), digest_size=NAME_BYTES).hexdigest()


def read_map(link: Link, names: StreamNames, seconds: float) -> ShardMap:
    """The whole map, for a command. Raises LogUnreachable, LogError."""
    found = ShardMap(link, names)
    deadline = time.monotonic() + seconds
    while link.run(found.read()):
        if time.monotonic() > deadline:
            raise LogUnreachable("the map of the shards could not be read in time")
    return found
