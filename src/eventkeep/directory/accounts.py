"""Accounts: everything else belongs to one."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select

from eventkeep.clock import Clock
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Readable
from eventkeep.directory.moves import Moves
from eventkeep.directory.schema import account, setting
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ACCOUNT_BITS, ACCOUNT_NAME_CHARACTERS_MAX
from eventkeep.model.account_id import account_id, account_number

SECRET = "secret"
"""The name of the setting from which public ids are made."""
DEFAULT_ACCOUNT = "default"
"""The name of the account that the first start makes."""


class Account(msgspec.Struct, frozen=True):
    """``created`` is in Unix microseconds."""

    number: int
    name: str
    created: int


class Accounts:
    """The accounts of one directory."""

    def __init__(self, database: Readable, clock: Clock, moves: Moves | None = None) -> None:
        """Numbers of accounts that have ``moves`` are not used again."""
        self._database, self._clock = database, clock
        self._moves = moves or Moves(database)
        self._known_secret: bytes | None = None

    def new(self, name: str) -> tuple[Account, Change]:
        """A new account, and the change that makes it. Only one change may be made at a time.

        Raises ConfigurationError if the name can't be used or is taken.
        """
        if not name.isprintable() or name != name.strip() or not 0 < len(name) <= ACCOUNT_NAME_CHARACTERS_MAX:
            raise ConfigurationError(
                f"An account's name is 1 to {ACCOUNT_NAME_CHARACTERS_MAX} printable characters "
                f"without spaces around them, not {name[:ACCOUNT_NAME_CHARACTERS_MAX]!r}."
            )
        if self.find(name) is not None:
            raise ConfigurationError(f"There is an account {name!r} already.")
        if (found := self._moves.elsewhere(name)) is not None:
            raise ConfigurationError(f"The account {name!r} lives in shard {found[1].shard}.")
        return self._made(name)

    def renewed(self, old: Account) -> tuple[Account, list[Change]]:
        """An account with the same name and a new number, and the changes that put it in the place of ``old``.

        The data of the old number stays in the stores, and nobody can reach it. Only one change may be made at a
        time.
        """
        made, change = self._made(old.name)
        return made, [Change(Table.ACCOUNT, Operation.DELETE, 0, [(old.number,)]), change]

    def _made(self, name: str) -> tuple[Account, Change]:
        first = self._moves.shard << ACCOUNT_BITS
        own = account.c.number.between(first, first + (1 << ACCOUNT_BITS) - 1)
        with self._database.reading() as connection:
            newest = connection.execute(select(func.max(account.c.number)).where(own)).scalar() or first
        newest = max([newest, *(number for number in self._moves.all if number >> ACCOUNT_BITS == self._moves.shard)])
        if newest + 1 == first + (1 << ACCOUNT_BITS):
            raise ConfigurationError(f"A shard makes at most {(1 << ACCOUNT_BITS) - 1:,} accounts.")
        made = Account(newest + 1, name, round(self._clock.now() * 1_000_000))
        return made, Change(Table.ACCOUNT, Operation.PUT, 0, [(made.number, made.name, made.created)])

    def find(self, name: str) -> Account | None:
        """The account of that name, or None."""
        with self._database.reading() as connection:
            row = connection.execute(select(account).where(account.c.name == name)).one_or_none()
        return None if row is None else Account(row.number, row.name, row.created)

    def by_number(self, number: int) -> Account | None:
        """The account of that number, or None."""
        with self._database.reading() as connection:
            row = connection.execute(select(account).where(account.c.number == number)).one_or_none()
        return None if row is None else Account(row.number, row.name, row.created)

    def list(self) -> list[Account]:
        """All accounts, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(account).order_by(account.c.number))
            return [Account(row.number, row.name, row.created) for row in rows]

    def number_of(self, public_id: str) -> int | None:
        """The number that a public id stands for, whether or not the account is here; None if it is no id."""
        return account_number(public_id, self._secret())

    def find_public_id(self, public_id: str) -> int | None:
        """The number of the account with that public id, or None."""
        number = self.number_of(public_id)
        return None if number is None or self.by_number(number) is None else number

    def public_id(self, number: int) -> str:
        """The public id of an account: 6 letters and digits, by which browsers and apps name it."""
        return account_id(number, self._secret())

    def _secret(self) -> bytes:
        if self._known_secret is None:
            with self._database.reading() as connection:
                query = select(setting.c.value).where(setting.c.name == SECRET)
                self._known_secret = bytes.fromhex(connection.execute(query).scalar_one())
        return self._known_secret
