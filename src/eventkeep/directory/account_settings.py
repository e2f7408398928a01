"""Settings of accounts: a text each, by account and name. Its meaning is that of the rules that use it."""

from __future__ import annotations

import threading

from sqlalchemy import select

from eventkeep.cache import Cache
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Readable
from eventkeep.directory.schema import account_setting
from eventkeep.limits import ACCOUNT_SETTING_CACHE_ENTRIES_MAX


class AccountSettings:
    """The settings of all accounts in one directory. Any thread may call."""

    def __init__(self, database: Readable) -> None:
        self._database = database
        self._known: Cache[tuple[int, str], tuple[str | None]] = Cache(ACCOUNT_SETTING_CACHE_ENTRIES_MAX)
        self._changes = 0
        self._lock = threading.Lock()

    def get(self, account: int, name: str) -> str | None:
        """The setting's value, None if it is not set."""
        key = account, name
        with self._lock:
            if (known := self._known.get(key)) is not None:
                return known[0]
            changes = self._changes
        query = select(account_setting.c.value).where(account_setting.c.account == account)
        with self._database.reading() as connection:
            value: str | None = connection.execute(query.where(account_setting.c.name == name)).scalar()
        with self._lock:
            # A value that was read before a change was applied may be the old one.
            if changes == self._changes:
                self._known.put([(key, (value,))])
        return value

    def changed(self, account: int, name: str, value: str | None) -> list[Change]:
        """The changes that set the value, or remove the setting if it is None; none if it is so already."""
        if self.get(account, name) == value:
            return []
        if value is None:
            return [Change(Table.ACCOUNT_SETTING, Operation.DELETE, account, [(name,)])]
        return [Change(Table.ACCOUNT_SETTING, Operation.PUT, account, [(name, value)])]

    def forget(self, change: Change) -> None:
        """Drop the settings that an applied change makes stale from memory."""
        with self._lock:
            self._changes += 1
            self._known.drop((change.account, row[0]) for row in change.rows)
