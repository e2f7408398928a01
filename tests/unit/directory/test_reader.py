"""A directory that is read beside its server, or before a newer eventkeep has opened it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from eventkeep.directory.creation import FILE_NAME
from eventkeep.directory.reader import DirectoryReader
from eventkeep.errors import DirectoryError
from eventkeep.ingest.stores import Stores


def test_settings_of_accounts_are_the_defaults_before_the_migration(tmp_path: Path) -> None:
    Stores.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.executescript("DROP TABLE account_setting; UPDATE alembic_version SET version_num = '0001'")
    with DirectoryReader(tmp_path) as directory:
        (account,) = directory.accounts.list()
        assert directory.account_settings.get(account.number, "attribution") is None


def test_a_folder_that_no_server_has_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="eventkeep serve makes it"):
        DirectoryReader(tmp_path)
