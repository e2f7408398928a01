"""The messages about an account's move: from a command to the shard that it leaves, and from there to the other one.

Each is the body of ``POST /cluster/moves`` at the node that leads the shard, in msgpack, and gets a `MoveReport`.
"""

from __future__ import annotations

from typing import Final

import msgspec

NONE: Final = "none"
"""The state of a move that a shard does not know, or has cancelled."""
BUSY: Final = "busy"
"""The state in which a shard can't begin yet: it deletes rows of an earlier move."""


class StartMove(msgspec.Struct, frozen=True, tag="start"):
    """Move the account of that name to the shard ``to``; a move that is under way goes on."""

    name: str
    to: int


class AbandonMove(msgspec.Struct, frozen=True, tag="abandon"):
    """Have the account stay, if the other shard has not taken it."""

    name: str


class LookMove(msgspec.Struct, frozen=True, tag="look"):
    """Tell how far the move of an account is."""

    account: int


class BeginMove(msgspec.Struct, frozen=True, tag="begin"):
    """Begin to take in an account, or say how far that is. ``shard`` is the one that it leaves."""

    account: int
    id: str
    shard: int
    moves: int
    name: str
    start: int


class MovePiece(msgspec.Struct, frozen=True, tag="piece"):
    """Rows and events of an account: a record of a log of its own, and the cursors before and after them."""

    account: int
    id: str
    before: str
    after: str
    record: bytes


class TakeAccount(msgspec.Struct, frozen=True, tag="take"):
    """Let the account live in the other shard from now on. ``changes`` are its own row, its keys and its settings."""

    account: int
    id: str
    cursor: str
    changes: bytes


class CancelMove(msgspec.Struct, frozen=True, tag="cancel"):
    """Take in nothing more, and never take the account by this move."""

    account: int
    id: str


MoveMessage = StartMove | AbandonMove | LookMove | BeginMove | MovePiece | TakeAccount | CancelMove


class MoveReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a move is, or why it can't be done. ``done`` and ``total`` are events; ``behind`` is in records."""

    state: str = NONE
    account: int = 0
    shard: int = 0
    cursor: str = ""
    done: int = 0
    total: int = 0
    behind: int = 0
    note: str = ""
    error: str = ""


encode_message: Final = msgspec.msgpack.Encoder().encode
decode_message: Final = msgspec.msgpack.Decoder(MoveMessage).decode
decode_report: Final = msgspec.msgpack.Decoder(MoveReport).decode
