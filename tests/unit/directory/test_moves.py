"""Where accounts live, as the rows of a directory say it, and the numbers that a shard gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep.directory import Directory
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.moves import AccountMove, Home, MoveState, move_change, no_move_change, shard_of
from eventkeep.errors import ConfigurationError, DirectoryError
from eventkeep.limits import ACCOUNT_BITS
from tests.unit.directory.held import LOG, create_account, keep, open_directory

SECRET = bytes(range(32)).hex()
SHARD = 3


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Directory]:
    """The directory of a shard other than 0, with its first record applied."""
    with Directory.open(tmp_path / "shard", LOG) as opened:
        keep(opened, opened.first_changes(SHARD, SECRET))
        yield opened


def move(state: MoveState, moves: int = 1, name: str = "shop") -> AccountMove:
    return AccountMove(id="m", state=state, shard=7, moves=moves, name=name)


def test_a_shard_has_the_secret_of_all_and_no_default_account(shard: Directory) -> None:
    assert shard.secret.hex() == SECRET
    assert shard.accounts.list() == []


def test_numbers_of_accounts_name_the_shard_that_made_them(shard: Directory, directory: Directory) -> None:
    made = [create_account(shard, name).number for name in ("shop", "outlet")]
    assert made == [(SHARD << ACCOUNT_BITS) + 1, (SHARD << ACCOUNT_BITS) + 2]
    assert {shard_of(number) for number in made} == {SHARD}
    assert shard_of(create_account(directory, "shop").number) == 0
    # The largest one fits into SQLite's signed 64 bits, 32 bits further up.
    assert (1000 << ACCOUNT_BITS) + (1 << ACCOUNT_BITS) < 2**31


def test_the_id_of_an_account_is_the_same_in_all_shards(shard: Directory, tmp_path: Path) -> None:
    number = create_account(shard, "shop").number
    with Directory.open(tmp_path / "other", LOG) as other:
        keep(other, other.first_changes(SHARD + 1, SECRET))
        assert other.accounts.public_id(number) == shard.accounts.public_id(number)
        assert other.accounts.number_of(shard.accounts.public_id(number)) == number


def test_a_number_of_an_account_that_moved_away_is_not_used_again(shard: Directory) -> None:
    gone = create_account(shard, "shop").number
    keep(shard, [Change(Table.ACCOUNT, Operation.DELETE, 0, [(gone,)]), move_change(gone, move(MoveState.MOVED))])
    assert create_account(shard, "outlet").number == gone + 1
    with pytest.raises(ConfigurationError, match="lives in shard 7"):
        create_account(shard, "shop")


@pytest.mark.parametrize(
    ("state", "home", "is_changed"),
    [
        (MoveState.COPYING, Home(0, SHARD), True),
        (MoveState.CLOSED, Home(0, SHARD), False),
        (MoveState.DECIDING, Home(0, SHARD), False),
        (MoveState.GONE, Home(1, 7), False),
        (MoveState.MOVED, Home(1, 7), False),
        (MoveState.ARRIVING, Home(0, 7), False),
        (MoveState.ARRIVED, Home(1, SHARD), True),
    ],
)
def test_the_state_of_a_move_says_where_an_account_lives(
    shard: Directory, state: MoveState, home: Home, is_changed: bool
) -> None:
    number = create_account(shard, "shop").number
    assert shard.moves.home(number) == Home(0, SHARD)
    keep(shard, [move_change(number, move(state))])
    assert shard.moves.home(number) == home
    assert (number not in shard.moves.unchanged) == is_changed
    keep(shard, [no_move_change(number)])
    assert shard.moves.home(number) == Home(0, SHARD)
    assert number not in shard.moves.unchanged


def test_a_shard_knows_nothing_of_accounts_of_others(shard: Directory) -> None:
    assert shard.moves.home(1) is None


def test_moves_are_there_after_a_start(tmp_path: Path) -> None:
    for state in (MoveState.ARRIVED, MoveState.GONE):
        with open_directory(tmp_path) as opened:
            keep(opened, [move_change(1, move(state))])
        with open_directory(tmp_path) as opened:
            assert opened.moves.all == {1: move(state)}


def test_a_move_that_can_not_be_read_is_named(directory: Directory) -> None:
    changed = move_change(1, move(MoveState.ARRIVED))
    (name, value) = changed.rows[0]
    with pytest.raises(DirectoryError, match="can't be read"):
        directory.moves.note(Change(changed.table, changed.operation, 0, [(name, value.replace("arrived", "x"))]))
