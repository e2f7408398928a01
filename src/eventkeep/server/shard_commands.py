"""Commands about accounts and keys, in the shard in which the account lives or will live."""

from __future__ import annotations

import msgspec

from eventkeep.directory import DEFAULT_ACCOUNT, Directory
from eventkeep.errors import ConfigurationError, LogError, NotBegun
from eventkeep.limits import RETRY_AFTER_SECONDS, SHARD_MAP_ENTRIES_MAX
from eventkeep.server.control import CREATE_KEY, REVOKE_KEY, ControlRequest
from eventkeep.server.node import Node


def shard_of_command(node: Node, directory: Directory, content: bytes) -> int:
    """The shard that carries out a command. The name of a new account is taken for this one.

    Raises ConfigurationError if there may be no more accounts or keys, NotBegun if a name can't be taken now.
    """
    shards = node.shards
    try:
        request = msgspec.json.decode(content, type=ControlRequest)
    except msgspec.DecodeError:
        return shards.own
    if request.do == REVOKE_KEY:
        owner = directory.keys.account_of(request.id) or shards.map.keys.get(request.id)
        return shard_of_account(node, owner)
    if not request.account:
        return shards.own
    if request.do == CREATE_KEY and shards.map.is_full:
        raise ConfigurationError(f"the shards take at most {SHARD_MAP_ENTRIES_MAX:,} accounts, names and keys")
    if (found := directory.accounts.find(request.account)) is not None:
        return shard_of_account(node, found.number)
    entry = shards.map.account_named(request.account)
    if entry is None and request.do == CREATE_KEY:
        if request.account == DEFAULT_ACCOUNT:
            return 0
        try:
            entry = node.log.link.run(shards.map.take_name(request.account, shards.own))
        except LogError as exc:
            raise NotBegun(f"the account can't be made now: {exc}", RETRY_AFTER_SECONDS) from exc
    if entry is None:
        return shards.own
    return shard_of_account(node, entry.number) if entry.number else entry.shard


def shard_of_account(node: Node, account: int | None) -> int:
    """The shard in which an account lives, this one if it is not known."""
    home = None if account is None else node.shards.home(account)
    return node.shards.own if home is None else home.shard
