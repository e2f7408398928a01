"""Accounts: made once, found by name."""

from __future__ import annotations

import pytest

from eventkeep.directory import Directory
from eventkeep.errors import ConfigurationError
from tests.unit.directory.held import create_account


def test_accounts_are_listed_oldest_first(directory: Directory) -> None:
    made = [create_account(directory, name) for name in ("shop", "an outlet")]
    assert [account.name for account in directory.accounts.list()] == ["default", "shop", "an outlet"]
    assert directory.accounts.list()[1:] == made


def test_unknown_account_is_not_found(directory: Directory) -> None:
    assert directory.accounts.find("nobody") is None


def test_name_that_is_taken_is_refused(directory: Directory) -> None:
    with pytest.raises(ConfigurationError, match="'default' already"):
        create_account(directory, "default")


@pytest.mark.parametrize("name", ["", " shop", "shop ", "a\nb", "a\x00b", "x" * 101])
def test_name_that_can_not_be_used_is_refused(directory: Directory, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 100 printable characters"):
        create_account(directory, name)
    assert len(directory.accounts.list()) == 1
