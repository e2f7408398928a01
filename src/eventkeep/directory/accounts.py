"""Accounts: everything else belongs to one."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, insert, select

from eventkeep.clock import Clock
from eventkeep.directory.database import Database, Transaction, inserted_number
from eventkeep.directory.schema import account
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ACCOUNT_NAME_CHARACTERS_MAX

DEFAULT_ACCOUNT = "default"
"""The name of the account that the first start makes."""


class Account(msgspec.Struct, frozen=True):
    """``created`` is in Unix microseconds."""

    number: int
    name: str
    created: int


class Accounts:
    """The accounts of one directory."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def create(self, name: str) -> Account:
        """A new account. Raises ConfigurationError where the name can't be used or is taken."""
        with self._database.transaction() as transaction:
            return self.create_within(name, transaction)

    def create_within(self, name: str, transaction: Transaction) -> Account:
        """As ``create``, as a part of ``transaction``."""
        if not name.isprintable() or name != name.strip() or not 0 < len(name) <= ACCOUNT_NAME_CHARACTERS_MAX:
            raise ConfigurationError(
                f"An account's name is 1 to {ACCOUNT_NAME_CHARACTERS_MAX} printable characters "
                f"without spaces around them, not {name[:ACCOUNT_NAME_CHARACTERS_MAX]!r}."
            )
        if self._found(name, transaction.connection) is not None:
            raise ConfigurationError(f"There is an account {name!r} already.")
        created = round(self._clock.now() * 1_000_000)
        transaction.changed = True
        result = transaction.connection.execute(insert(account).values(name=name, created=created))
        return Account(inserted_number(result), name, created)

    def find(self, name: str) -> Account | None:
        """The account of that name, or None."""
        with self._database.reading() as connection:
            return self._found(name, connection)

    def list(self) -> list[Account]:
        """All accounts, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(account).order_by(account.c.number))
            return [Account(row.number, row.name, row.created) for row in rows]

    def _found(self, name: str, connection: Connection) -> Account | None:
        row = connection.execute(select(account).where(account.c.name == name)).one_or_none()
        return None if row is None else Account(row.number, row.name, row.created)
