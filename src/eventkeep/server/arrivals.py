"""The part of the shard that an account moves to: it keeps the rows and events that it gets as records of its own log.

Until it takes the account, the account has no key here, so that nobody can use it. That is one record; from then on the
account lives here, and the move can't be undone.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eventkeep.directory import Directory
from eventkeep.directory.changes import Change, decode_changes
from eventkeep.directory.moves import AccountMove, MoveState, move_change, refused_change
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.log.record import decode
from eventkeep.model.event_columns import EventColumns
from eventkeep.server.move_messages import (
    BUSY,
    NONE,
    BeginMove,
    CancelMove,
    MovePiece,
    MoveReport,
    TakeAccount,
)

Step = tuple[Sequence[Change], EventColumns | None, MoveReport]
"""The changes and events of a record, and the report once they are kept; without both nothing is."""


class Arrivals:
    """Takes accounts in, at the node that leads. All methods raise Unavailable at another one."""

    def __init__(self, stores: Stores, committer: Committer) -> None:
        self._stores, self._committer = stores, committer

    def begin(self, message: BeginMove) -> MoveReport:
        """Begin to take an account in, or say how far that is."""

        def make(directory: Directory) -> Step:
            move = directory.moves.get(message.account)
            if move is not None and message.moves <= move.moves and message.id != move.id:
                return [], None, MoveReport(error="the account has been moved since")
            if move is None or move.state is MoveState.MOVED:
                if directory.accounts.by_number(message.account) is not None:
                    return [], None, MoveReport(error="the account lives here")
                if directory.accounts.find(message.name) is not None:
                    return [], None, MoveReport(error=f"another account has the name {message.name!r}")
                new = AccountMove(
                    id=message.id,
                    state=MoveState.ARRIVING,
                    shard=message.shard,
                    moves=message.moves,
                    name=message.name,
                    start=message.start,
                )
                return [move_change(message.account, new)], None, MoveReport(new.state)
            if move.id == message.id and move.state in (MoveState.ARRIVING, MoveState.ARRIVED):
                return [], None, MoveReport(move.state, cursor=move.cursor)
            if move.state is MoveState.ARRIVING:
                # Of an attempt that was given up: its rows are older than those that come.
                return [move_change(message.account, cancelled(move))], None, MoveReport(BUSY)
            if move.state is MoveState.GONE:
                return [], None, MoveReport(BUSY)
            return [], None, MoveReport(error=f"the account lives here: {move.state}")

        return self._committer.move(make)

    def add(self, message: MovePiece) -> MoveReport:
        """Keep rows and events, unless they are kept. The report says how far they are, also if others are expected."""
        record = decode(message.record, "a piece of an account that is being moved")
        changes = decode_changes(record.changes, "a piece of an account that is being moved")

        def make(directory: Directory) -> Step:
            move = directory.moves.get(message.account)
            if move is None or move.id != message.id or move.state is not MoveState.ARRIVING:
                return [], None, MoveReport(NONE)
            if move.cursor != message.before:
                return [], None, MoveReport(move.state, cursor=move.cursor)
            after = msgspec.structs.replace(move, cursor=message.after)
            kept = [*changes, *([] if after == move else [move_change(message.account, after)])]
            return kept, self._new(record.events), MoveReport(move.state, cursor=message.after)

        return self._committer.move(make, len(message.record))

    def take(self, message: TakeAccount) -> MoveReport:
        """Let the account live here, if all of it has come."""
        changes = decode_changes(message.changes, "an account that is being moved")

        def make(directory: Directory) -> Step:
            move = undecided(directory, message.account, message.id)
            if not isinstance(move, AccountMove):
                return move
            if move.cursor != message.cursor:
                return [], None, MoveReport(move.state, cursor=move.cursor, error="a part of the account is missing")
            arrived = msgspec.structs.replace(move, state=MoveState.ARRIVED, cursor="", start=0)
            return [*changes, move_change(message.account, arrived)], None, MoveReport(arrived.state)

        return self._committer.move(make, len(message.changes))

    def cancel(self, message: CancelMove) -> MoveReport:
        """Never take the account by this move, unless it was taken."""

        def make(directory: Directory) -> Step:
            move = undecided(directory, message.account, message.id)
            if not isinstance(move, AccountMove):
                return move
            return [move_change(message.account, cancelled(move))], None, MoveReport(NONE)

        return self._committer.move(make)

    def _new(self, events: EventColumns | None) -> EventColumns | None:
        """Those of the events that are not stored here, as they are after an earlier move; None if there are none."""
        if events is None:
            return None
        new = self._stores.events.is_new(events.numbers["id"], events.numbers["key_low"])
        if new.all():
            return events
        return events.take(np.flatnonzero(new)) if new.any() else None


def undecided(directory: Directory, account: int, id: str) -> AccountMove | Step:
    """The move of that id that may still be taken or cancelled; else the step that says how it has ended."""
    move = directory.moves.get(account)
    if move is None or move.id != id or move.state not in (MoveState.ARRIVING, MoveState.ARRIVED):
        return [refused_change(id)], None, MoveReport(NONE)
    return ([], None, MoveReport(move.state)) if move.state is MoveState.ARRIVED else move


def cancelled(move: AccountMove) -> AccountMove:
    """A move that ended before the account was taken: it lives in the other shard, as before."""
    return msgspec.structs.replace(move, id="", state=MoveState.GONE, moves=move.moves - 1, cursor="", start=0)
