"""An account moves from shard to shard: with all it has, exactly once, whichever step is the last of a node.

EVENTKEEP_TEST_ROUNDS in the environment has every step be the last one, in place of every third.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from eventkeep.directory.moves import MoveState
from eventkeep.errors import ConfigurationError, Unavailable
from eventkeep.server import account_copy, departures
from eventkeep.server.move_messages import (
    AbandonMove,
    LookMove,
    MoveMessage,
    MovePiece,
    StartMove,
    TakeAccount,
)
from tests.unit.server.two_shards import NAME, Faults, TwoShards

EVERY: Final = 1 if "EVENTKEEP_TEST_ROUNDS" in os.environ else 3


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoShards]:
    monkeypatch.setattr(account_copy, "MOVE_ROWS", 3)
    monkeypatch.setattr(departures, "MOVE_ROWS", 3)
    monkeypatch.setattr(departures, "TRIES_MAX", 1)
    with TwoShards(tmp_path) as made:
        assert all(made.create(f"before-{number}") for number in range(5))
        yield made


def start(shards: TwoShards, to: int) -> None:
    assert shards.departures[shards.home()].start(StartMove(NAME, to)).error == ""


def test_an_account_moves_with_all_it_has_and_back(shards: TwoShards) -> None:
    before = shards.shards[0].contents(shards.account)
    for to in (1, 0):
        start(shards, to)
        shards.go_on()
        assert shards.home() == to
        assert shards.shards[to].contents(shards.account) == before
        rows, _ = shards.shards[1 - to].contents(shards.account)
        assert rows == [[] for _ in rows]
        assert shards.shards[to].directory.keys.find(shards.key) is not None
        assert shards.shards[1 - to].directory.keys.find(shards.key) is None
        report = shards.departures[1 - to].look(LookMove(shards.account))
        assert (report.state, report.shard) == (MoveState.MOVED, to)
    # The next numbers and ids go on behind those of the account, in both shards.
    assert shards.create("after")
    assert len(shards.shards[0].unique_ids(shards.account)) == 6
    numbers = [profile.number for profile in shards.shards[0].directory.profiles.list(shards.account)]
    assert numbers == list(range(1, 7))


def test_a_command_repeated_after_the_move_learns_that_it_is_done(shards: TwoShards) -> None:
    """The map of the shards, from which the command has the account's shard, follows the log a little later."""
    start(shards, 1)
    shards.go_on()
    report = shards.departures[0].start(StartMove(NAME, 1))
    assert (report.error, report.account, report.shard) == ("", shards.account, 1)
    assert report.state in {MoveState.GONE, MoveState.MOVED}
    assert "no account" in shards.departures[0].start(StartMove(NAME, 2)).error
    assert "no account" in shards.departures[0].start(StartMove("other", 1)).error


def test_events_that_are_stored_meanwhile_move_too(shards: TwoShards) -> None:
    names = count()
    acknowledged = {f"before-{number}" for number in range(5)}
    refused = 0

    def write(_: MoveMessage) -> None:
        nonlocal refused
        name = f"meanwhile-{next(names)}"
        if shards.create(name):
            acknowledged.add(name)
        else:
            refused += 1

    shards.on_message = write
    for to in (1, 0):
        start(shards, to)
        shards.go_on()
        assert shards.home() == to
    found = shards.shards[0].unique_ids(shards.account)
    assert len(found) == len(set(found))
    assert set(found) == acknowledged
    # Only what came between the closing and the taking was refused.
    assert 0 < refused < len(acknowledged)


@pytest.mark.parametrize("is_done", [False, True])
def test_every_step_may_be_the_last_of_a_node(shards: TwoShards, is_done: bool) -> None:
    acknowledged = {f"before-{number}" for number in range(5)}
    to = 1
    for fails_at in count(int(is_done), EVERY):
        name = f"meanwhile-{fails_at}"

        def write(message: MoveMessage, name: str = name) -> None:
            if (
                isinstance(message, MovePiece)
                and name not in acknowledged
                and shards.create(name, "before-1@shop.example")
            ):
                acknowledged.add(name)

        start(shards, to)
        # With changes in some of the moves, which are sent behind the rows.
        shards.on_message = write if fails_at % 4 == 0 else lambda _message: None
        faults = Faults(fails_at, is_done)
        shards.inject(faults)
        shards.go_on(1)
        shards.restart()
        shards.go_on(4)
        assert shards.home() == to, fails_at
        found = shards.shards[to].unique_ids(shards.account)
        assert len(found) == len(set(found)), fails_at
        assert set(found) == acknowledged, fails_at
        rows, _ = shards.shards[1 - to].contents(shards.account)
        assert rows == [[] for _ in rows], fails_at
        assert shards.shards[to].directory.keys.find(shards.key) is not None
        if faults.steps <= fails_at:
            break
        to = 1 - to
    assert fails_at > 30


@pytest.mark.parametrize("state", [MoveState.COPYING, MoveState.CLOSED, MoveState.DECIDING])
def test_a_move_that_is_abandoned_leaves_everything_as_it_was(shards: TwoShards, state: MoveState) -> None:
    start(shards, 1)
    stop_in(shards, state)
    before = shards.shards[0].contents(shards.account)
    assert shards.shards[0].create(shards.account, "new") is (state is MoveState.COPYING)
    assert shards.departures[0].abandon(AbandonMove(NAME)).error == ""
    shards.go_on()
    assert shards.home() == 0
    assert shards.create("new")
    rows, _ = shards.shards[1].contents(shards.account)
    assert rows == [[] for _ in rows]
    assert shards.shards[0].unique_ids(shards.account) != before
    start(shards, 1)
    before = shards.shards[0].contents(shards.account)
    shards.go_on()
    assert shards.home() == 1
    assert shards.shards[1].contents(shards.account) == before


def stop_in(shards: TwoShards, state: MoveState) -> None:
    """Have the move get into a state and stay there, as if the other shard did not respond any more."""

    def stop(message: MoveMessage) -> None:
        move = shards.shards[0].directory.moves.get(shards.account)
        assert move is not None
        if move.state is MoveState.COPYING and isinstance(message, MovePiece):
            if account_copy.parse_cursor(message.after).step == account_copy.FOLLOWING:
                # Something is left for the time in which the account is closed.
                assert shards.shards[0].create(shards.account, "rest")
            elif state is MoveState.COPYING and message.before:
                raise Unavailable("stopped", 1)
        elif move.state is state:
            raise Unavailable("stopped", 1)

    shards.on_message = stop
    shards.departures[0].go_on()
    shards.on_message = lambda _message: None
    move = shards.shards[0].directory.moves.get(shards.account)
    assert move is not None
    assert move.state is state


def test_a_taken_account_can_not_be_abandoned(shards: TwoShards) -> None:
    start(shards, 1)

    def lose_response(message: MoveMessage) -> None:
        if isinstance(message, TakeAccount):
            shards.deliver(1, message)
            raise Unavailable("the response was lost", 1)

    shards.on_message = lose_response
    shards.departures[0].go_on()
    shards.on_message = lambda _message: None
    report = shards.departures[0].abandon(AbandonMove(NAME))
    assert "has taken the account" in report.error
    shards.go_on()
    assert shards.home() == 1


def test_moves_that_can_not_be_begun_are_refused(shards: TwoShards) -> None:
    leaving = shards.departures[0]
    assert "no account" in leaving.start(StartMove("nobody", 1)).error
    assert "lives there" in leaving.start(StartMove(NAME, 0)).error
    assert "no such shard" in leaving.start(StartMove(NAME, 7)).error
    assert "not being moved" in leaving.abandon(AbandonMove(NAME)).error
    start(shards, 1)
    # The same move goes on.
    assert leaving.start(StartMove(NAME, 1)).error == ""


def test_an_account_stays_if_another_one_has_its_name(shards: TwoShards) -> None:
    other = shards.shards[1]
    other.make_key(NAME)
    start(shards, 1)
    shards.go_on()
    assert shards.home() == 0
    assert shards.create("still-here")
    assert other.directory.moves.get(shards.account) is None


def test_an_account_with_too_many_keys_stays(shards: TwoShards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "TAKEN_BYTES_MAX", 50)
    assert "too many keys" in shards.departures[0].start(StartMove(NAME, 1)).error


def test_a_shard_makes_no_second_account_of_a_name_that_moved_away(shards: TwoShards) -> None:
    start(shards, 1)
    shards.go_on()
    with pytest.raises(ConfigurationError, match="lives in shard 1"):
        shards.shards[0].make_key(NAME)
    assert shards.shards[1].make_key(NAME)
