"""Accounts that are being moved to another shard, or have been: one row of the settings for each.

The rows say where an account lives, as far as the records of this shard tell. They are what stops a shard from changing
an account that is about to live in another one, and they are applied like every other row.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import select

from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Readable
from eventkeep.directory.schema import setting
from eventkeep.errors import DirectoryError
from eventkeep.limits import ACCOUNT_BITS

PREFIX: Final = "move/"
REFUSED: Final = "refused move"
"""The name of the setting with the id of the move that was refused last."""
SHARD: Final = "shard"
"""The name of the setting with the number of the shard; shard 0 has none."""


class MoveState(enum.StrEnum):
    """The states of a move, in their order. The first five are of the shard that the account leaves."""

    COPYING = "copying"
    """The account is copied to the other shard, and used here."""
    CLOSED = "closed"
    """The rest is copied: the account is read here, and changed nowhere."""
    DECIDING = "deciding"
    """The other shard is told to take the account, or was: only it knows whether it has."""
    GONE = "gone"
    """The account lives in the other shard; its rows here are being deleted."""
    MOVED = "moved"
    """The account lives in the other shard; its rows here are deleted."""
    ARRIVING = "arriving"
    """The account is copied here from the other shard, where it lives."""
    ARRIVED = "arrived"
    """The account lives here."""


ELSEWHERE: Final = frozenset({MoveState.GONE, MoveState.MOVED, MoveState.ARRIVING})
LEAVING: Final = frozenset({MoveState.COPYING, MoveState.CLOSED, MoveState.DECIDING})
UNCHANGED: Final = ELSEWHERE | {MoveState.CLOSED, MoveState.DECIDING}
"""The states in which the account is not changed here by requests."""


class AccountMove(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest move of an account from or to this shard.

    ``shard`` is the other one, and ``moves`` how often the account will have moved with this move, or has. ``start`` is
    the position in the log of the shard that it leaves, from which on the changes are copied one by one; ``cursor``
    says how far they are, in a form of the shard that it leaves.
    """

    id: str
    state: MoveState
    shard: int
    moves: int
    name: str
    start: int = 0
    cursor: str = ""

    def home(self, own: int) -> Home:
        """The shard in which the account lives, as seen from the shard ``own``."""
        if self.state is MoveState.ARRIVING:
            return Home(self.moves - 1, self.shard)
        if self.state in LEAVING:
            return Home(self.moves - 1, own)
        return Home(self.moves, own if self.state is MoveState.ARRIVED else self.shard)


class Home(msgspec.Struct, frozen=True, order=True):
    """The shard in which an account lives since it was moved ``moves`` times. The greatest one is the newest."""

    moves: int
    shard: int


class Moves:
    """The moves of one directory, in memory. Any thread reads; the one that applies changes them."""

    def __init__(self, database: Readable) -> None:
        with database.reading() as connection:
            rows = connection.execute(select(setting).where(setting.c.name.startswith(PREFIX, autoescape=True)))
            self._moves = {account_of(row.name): decode_move(row.value) for row in rows}
            shard = connection.execute(select(setting.c.value).where(setting.c.name == SHARD)).scalar()
        self.shard = int(shard or 0)
        """The number of this shard; 0 until the first record is applied."""
        self._find_unchanged()

    @property
    def all(self) -> Mapping[int, AccountMove]:
        """The newest move of each account that was moved, by the account's number."""
        return self._moves

    def get(self, account: int) -> AccountMove | None:
        """The newest move of an account, None if it was never moved."""
        return self._moves.get(account)

    def home(self, account: int) -> Home | None:
        """Where the account lives; None if this shard knows nothing of it."""
        if (move := self._moves.get(account)) is not None:
            return move.home(self.shard)
        return Home(0, self.shard) if shard_of(account) == self.shard else None

    def elsewhere(self, name: str) -> tuple[int, AccountMove] | None:
        """The number and the move of an account of that name that lives in another shard."""
        for number, move in list(self._moves.items()):
            if move.name == name and move.state in ELSEWHERE:
                return number, move
        return None

    def note(self, change: Change) -> None:
        """Take an applied change of the settings."""
        for row in change.rows:
            if row[0] == SHARD:
                self.shard = int(row[1])
            elif row[0].startswith(PREFIX):
                moves = dict(self._moves)
                if change.operation is Operation.PUT:
                    moves[account_of(row[0])] = decode_move(row[1])
                else:
                    moves.pop(account_of(row[0]), None)
                self._moves = moves
        self._find_unchanged()

    def _find_unchanged(self) -> None:
        self.unchanged = frozenset(account for account, move in self._moves.items() if move.state in UNCHANGED)
        """The accounts that requests may not change now."""


def move_change(account: int, move: AccountMove) -> Change:
    """The change that makes this the newest move of an account."""
    return Change(Table.SETTING, Operation.PUT, 0, [(f"{PREFIX}{account}", msgspec.json.encode(move).decode())])


def no_move_change(account: int) -> Change:
    """The change after which the account was never moved."""
    return Change(Table.SETTING, Operation.DELETE, 0, [(f"{PREFIX}{account}",)])


def refused_change(id: str) -> Change:
    """The change that says that a move was refused. Only the node that leads can append it: another one may not know.

    Otherwise a node that led until a moment ago could say that it does not have an account which the next one took.
    """
    return Change(Table.SETTING, Operation.PUT, 0, [(REFUSED, id)])


def account_of(name: str) -> int:
    """The number of the account in the name of a setting."""
    return int(name.removeprefix(PREFIX))


def decode_move(text: str) -> AccountMove:
    """Raises DirectoryError for a text that no version up to this one has written."""
    try:
        return msgspec.json.decode(text, type=AccountMove)
    except msgspec.MsgspecError as exc:
        raise DirectoryError(f"the directory has a move that can't be read: {exc}; use the newer eventkeep") from exc


def native(account: int) -> Home:
    """Where an account lives that was never moved."""
    return Home(0, shard_of(account))


def shard_of(account: int) -> int:
    """The shard in which the account of that number was made."""
    return account >> ACCOUNT_BITS
