"""The part of the shard that an account leaves: its leader drives the move, step by step, and notes each in the log.

1. *copying*: the account is used here as before, while its rows and events, and then all changes of them, are sent;
2. *closed*: when few changes are left, nobody may change the account, and the rest is sent;
3. *deciding*: the other shard is told to take the account. Only its log decides whether it has;
4. *gone*: it has. Keys and account are deleted here in one record, from which on requests go there; then the rows.

A leader that begins to lead goes on with the moves that it finds. Up to the second step the move can be given up here;
in the third only the other shard can say that it never takes the account.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Final

import httpx
import msgspec
import structlog

from eventkeep.directory import Account, Directory
from eventkeep.directory.account_rows import COPIED, TAKEN, deletion
from eventkeep.directory.changes import Change, Operation, Row, Table, encode_changes
from eventkeep.directory.moves import LEAVING, AccountMove, Home, MoveState, move_change, native, no_move_change
from eventkeep.errors import EventkeepError, LogTrimmed, StoreError, Unavailable
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.limits import (
    ACCOUNT_MOVES_MAX,
    MOVE_BEHIND_RECORDS,
    MOVE_BODY_BYTES_MAX,
    MOVE_CLOSED_SECONDS_MAX,
    MOVE_IDLE_SECONDS_MAX,
    MOVE_LOOK_SECONDS,
    MOVE_RESPONSE_SECONDS_MAX,
    MOVE_ROWS,
    RETRY_AFTER_SECONDS,
)
from eventkeep.server.account_copy import (
    FOLLOWING,
    Cursor,
    Piece,
    copied_pieces,
    followed_pieces,
    parse_cursor,
)
from eventkeep.server.move_messages import (
    BUSY,
    NONE,
    AbandonMove,
    BeginMove,
    CancelMove,
    LookMove,
    MoveMessage,
    MovePiece,
    MoveReport,
    StartMove,
    TakeAccount,
    decode_report,
    encode_message,
)
from eventkeep.server.node_settings import MOVES_PATH, SECRET
from eventkeep.server.shards import Shards

logger = structlog.get_logger(__name__)

ID_BYTES: Final = 8
TRIES_MAX: Final = 20
"""How often a piece is sent before the other shard is asked again how far it is."""
RETRY_SECONDS: Final = 0.25
TAKEN_BYTES_MAX: Final = MOVE_BODY_BYTES_MAX * 3 // 4
"""Bytes of the keys and settings of an account, which are one message; some may come while it is copied."""
Step = tuple[Sequence[Change], None, None]


class Progress(msgspec.Struct):
    """How far this leader has driven a move. Times are monotonic seconds."""

    moved_on_at: float
    closed_at: float | None = None
    sent: Cursor = Cursor()
    """The cursor that the other shard has kept."""
    position: int = 0
    """The position in the log up to which all changes are sent; 0 while they are not followed yet."""
    done: int = 0
    total: int = 0
    note: str = ""


class ShardLeaders:
    """Sends messages to the nodes that lead the other shards of a log."""

    def __init__(self, shards: Shards, secret: str) -> None:
        self._shards = shards
        self._http = httpx.Client(headers={SECRET: secret}, timeout=MOVE_RESPONSE_SECONDS_MAX, trust_env=False)

    def close(self) -> None:
        self._http.close()

    @property
    def others(self) -> Collection[int]:
        """The numbers of the other shards."""
        return self._shards.others

    def send(self, shard: int, message: MoveMessage) -> MoveReport:
        """Send a message to the node that leads a shard. Raises Unavailable if the outcome is not known."""
        leader = self._shards.leader(shard)
        if leader is None:
            raise Unavailable(f"no node of shard {shard} leads now", RETRY_AFTER_SECONDS)
        return send_message(self._http, leader.url, message)


class Departures:
    """The accounts that leave a shard. ``is_leading`` says whether this node is to move them."""

    def __init__(
        self, leaders: ShardLeaders, stores: Stores, committer: Committer, is_leading: Callable[[], bool]
    ) -> None:
        self._leaders, self._stores, self._committer, self._is_leading = leaders, stores, committer, is_leading
        self._progress: dict[int, Progress] = {}
        self._due, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="moves", daemon=True)

    def begin(self) -> None:
        """Look for moves from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()
        self._leaders.close()

    @property
    def held(self) -> int | None:
        """The position behind which the records of the log are needed; None if none are."""
        leaving = [(account, move) for account, move in self._moves().items() if move.state in LEAVING]
        needed = [
            max(move.start, progress.position) if (progress := self._progress.get(account)) else move.start
            for account, move in leaving
        ]
        return min(needed, default=None)

    def start(self, message: StartMove) -> MoveReport:
        """Begin a move, or go on with it. Raises Unavailable if this node does not lead."""

        def make(directory: Directory) -> tuple[Sequence[Change], None, MoveReport]:
            account = directory.accounts.find(message.name)
            if account is None:
                return [], None, self._repeated(directory, message)
            move, home = directory.moves.get(account.number), directory.moves.home(account.number)
            if move is not None and move.state in LEAVING:
                if move.shard != message.to:
                    return [], None, MoveReport(error=f"the account is being moved to shard {move.shard}")
                return [], None, MoveReport(move.state, account.number, move.shard)
            assert home is not None
            if message.to == self._own or message.to not in self._leaders.others:
                why = "the account lives there" if message.to == self._own else "there is no such shard"
                return [], None, MoveReport(error=f"shard {message.to}: {why}")
            if len(encode_changes(self._taken(account.number))) > TAKEN_BYTES_MAX:
                return [], None, MoveReport(error="the account has too many keys to be moved: revoked ones count, too")
            if home.moves >= ACCOUNT_MOVES_MAX:
                return [], None, MoveReport(error=f"an account is moved at most {ACCOUNT_MOVES_MAX} times")
            new = AccountMove(
                id=os.urandom(ID_BYTES).hex(),
                state=MoveState.COPYING,
                shard=message.to,
                moves=home.moves + 1,
                name=account.name,
                start=directory.position,
            )
            return [move_change(account.number, new)], None, MoveReport(new.state, account.number, new.shard)

        report = self._committer.move(make)
        self._due.set()
        return report

    def _repeated(self, directory: Directory, message: StartMove) -> MoveReport:
        """The report on a move that is done already: the map of the shards, which the command reads, follows later."""
        found = directory.moves.elsewhere(message.name)
        if found is None or found[1].state is MoveState.ARRIVING or found[1].shard != message.to:
            return MoveReport(error=f"there is no account {message.name!r} in shard {self._own}")
        account, move = found
        return MoveReport(move.state, account, move.shard)

    def abandon(self, message: AbandonMove) -> MoveReport:
        """Have the account stay, if it is not too late. Raises Unavailable."""
        account = self._stores.directory.accounts.find(message.name)
        move = None if account is None else self._moves().get(account.number)
        if account is None or move is None or move.state not in LEAVING:
            return MoveReport(error=f"the account {message.name!r} is not being moved away from shard {self._own}")
        report = self._cancelled(account.number, move)
        return msgspec.structs.replace(report, account=account.number, shard=move.shard)

    def look(self, message: LookMove) -> MoveReport:
        """How far the move of an account is."""
        move = self._moves().get(message.account)
        if move is None:
            return MoveReport(account=message.account)
        progress = self._progress.get(message.account)
        if progress is None:
            return MoveReport(move.state, message.account, move.shard)
        behind = max(self._stores.log.last - progress.position, 0) if progress.position else 0
        return MoveReport(
            move.state,
            message.account,
            move.shard,
            done=progress.done,
            total=progress.total,
            behind=behind,
            note=progress.note,
        )

    @property
    def _own(self) -> int:
        return self._stores.directory.moves.shard

    def _moves(self) -> dict[int, AccountMove]:
        return dict(self._stores.directory.moves.all)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._due.wait(MOVE_LOOK_SECONDS)
            self._due.clear()
            if not self._is_leading():
                self._progress.clear()
                continue
            self.go_on()

    def go_on(self) -> None:
        """Do the next steps of all moves, as far as they can be done now."""
        for account, move in self._moves().items():
            if self._stopping.is_set() or not self._is_leading():
                break
            if move.state in LEAVING or move.state is MoveState.GONE:
                self._try(account, move)

    def _try(self, account: int, move: AccountMove) -> None:
        """Do the next steps of a move; they are tried again later if they fail."""
        progress = self._progress.setdefault(account, Progress(time.monotonic()))
        try:
            self._step(account, move, progress)
            progress.note = ""
        except LogTrimmed as exc:
            logger.warning("the log has not every change of an account any more: its move begins anew", cause=str(exc))
            self._begin_anew(account, move)
        except EventkeepError as exc:
            if progress.note != str(exc):
                # It is tried again several times a second.
                logger.warning("an account could not be moved on", account=move.name, state=move.state, cause=str(exc))
            progress.note = str(exc)
            self._give_up_in_time(account, move, progress)
        except Exception:
            # This thread has to go on for the other moves.
            logger.exception("an account could not be moved on", account=move.name, state=move.state)
            progress.note = "it failed: see the log of the node that leads"

    def _step(self, account: int, move: AccountMove, progress: Progress) -> None:
        """Raises Unavailable if it has to be tried again, StoreError."""
        if move.state is MoveState.GONE:
            self._delete(account, move)
            return
        if move.state is MoveState.COPYING:
            if not self._copy(account, move, progress):
                return
            move = self._note(account, move, MoveState.CLOSED)
        if move.state is MoveState.CLOSED:
            progress.closed_at = progress.closed_at or time.monotonic()
            if not progress.position and not self._find_cursor(account, move, progress):
                return
            # All changes of the account are before this position, for it was closed by then.
            end = self._stores.directory.position
            while progress.position < end:
                self._follow(account, move, progress)
            move = self._note(account, move, MoveState.DECIDING, progress.sent.text)
        self._decide(account, move)

    def _copy(self, account: int, move: AccountMove, progress: Progress) -> bool:
        """Send the account until few changes are left; returns False if the other shard is not ready for it."""
        if not self._find_cursor(account, move, progress):
            return False
        if not progress.total:
            counts = self._stores.events.counts(account)
            progress.total = sum(each.events for each in counts.values())
        if progress.sent.step < FOLLOWING:
            self._send_all(account, move, progress, copied_pieces(self._stores, account, move.start, progress.sent))
        while self._stores.log.last - progress.position > MOVE_BEHIND_RECORDS:
            self._follow(account, move, progress)
        return True

    def _find_cursor(self, account: int, move: AccountMove, progress: Progress) -> bool:
        """Learn how far the other shard is; returns whether it is ready. Raises Unavailable, StoreError."""
        message = BeginMove(account, move.id, self._own, move.moves, move.name, move.start)
        report = self._leaders.send(move.shard, message)
        if report.error:
            logger.error("a shard does not take an account", account=move.name, shard=move.shard, cause=report.error)
            self._stay(account, move)
            return False
        if report.state == BUSY:
            progress.note = f"shard {move.shard} removes what is left of an earlier move"
            return False
        progress.sent = parse_cursor(report.cursor)
        progress.position = progress.sent.position
        return True

    def _follow(self, account: int, move: AccountMove, progress: Progress) -> None:
        """Send the changes in the log, as far as it goes now. Raises LogTrimmed, LogError, Unavailable."""
        self._send_all(account, move, progress, followed_pieces(self._stores, account, progress.position))

    def _send_all(self, account: int, move: AccountMove, progress: Progress, pieces: Iterable[Piece]) -> None:
        """Send pieces, those without contents only if they begin a step. Raises Unavailable, StoreError."""
        for piece in pieces:
            if self._stopping.is_set() or not self._is_leading():
                raise Unavailable("this node does not lead any more", RETRY_AFTER_SECONDS)
            begins = piece.after.step != progress.sent.step
            if piece.changes or piece.events is not None or begins:
                before, after = progress.sent.text, piece.after.text
                report = self._send_again(move.shard, MovePiece(account, move.id, before, after, piece.record()))
                if report.state != MoveState.ARRIVING or report.cursor != after:
                    # Another leader of this shard has sent something since, or the other one has given up.
                    progress.position = 0
                    raise Unavailable(f"shard {move.shard} expects another part of the account", RETRY_AFTER_SECONDS)
                progress.sent = piece.after
                progress.done += 0 if piece.events is None else len(piece.events)
            if piece.after.step == FOLLOWING:
                progress.position = piece.after.position
            progress.moved_on_at = time.monotonic()

    def _decide(self, account: int, move: AccountMove) -> None:
        """Have the other shard take the account, and let it go here. Raises Unavailable if it is not known whether."""
        changes = encode_changes(self._taken(account))
        report = self._leaders.send(move.shard, TakeAccount(account, move.id, move.cursor, changes))
        if report.state == MoveState.ARRIVED:
            self._let_go(account, move)
        elif report.state == NONE:
            self._stay(account, move)
        else:
            raise StoreError(f"shard {move.shard} does not take the account {move.name!r}: {report.error}")

    def _taken(self, account: int) -> list[Change]:
        """The account itself, its keys and its settings, as changes."""
        directory = self._stores.directory
        found = directory.accounts.by_number(account)
        assert isinstance(found, Account)
        row = (found.number, found.name, found.created)
        changes = [Change(Table.ACCOUNT, Operation.PUT, 0, [row])]
        for table in TAKEN:
            if rows := all_rows(directory, table, account):
                changes.append(Change(table, Operation.PUT, account, rows))
        return changes

    def _let_go(self, account: int, move: AccountMove) -> None:
        """The account lives in the other shard: from this record on, requests go there. Raises Unavailable."""
        gone = msgspec.structs.replace(move, state=MoveState.GONE, cursor="", start=0)

        def make(directory: Directory) -> Step:
            changes = [Change(Table.ACCOUNT, Operation.DELETE, 0, [(account,)]), move_change(account, gone)]
            if keys := all_rows(directory, Table.API_KEY, account):
                changes.append(deletion(Table.API_KEY, account, keys))
            return changes, None, None

        self._committer.move(make)
        logger.info("an account was moved", account=move.name, shard=move.shard)

    def _delete(self, account: int, move: AccountMove) -> None:
        """Delete the rows of an account that lives in another shard, some in each record. Raises Unavailable."""
        for table in (*COPIED, Table.ACCOUNT_SETTING):
            while self._delete_some(account, table):
                if self._stopping.is_set() or not self._is_leading():
                    return
        moved = msgspec.structs.replace(move, state=MoveState.MOVED)
        self._committer.move(lambda _: ([move_change(account, moved)], None, None))
        self._progress.pop(account, None)

    def _delete_some(self, account: int, table: Table) -> int:
        def make(directory: Directory) -> tuple[Sequence[Change], None, int]:
            rows = directory.rows_of(table, account, (), MOVE_ROWS)
            return [deletion(table, account, rows)] if rows else [], None, len(rows)

        return self._committer.move(make)

    def _note(self, account: int, move: AccountMove, state: MoveState, cursor: str = "") -> AccountMove:
        """Note the next state of a move. Raises Unavailable if the move was given up meanwhile."""
        after = msgspec.structs.replace(move, state=state, cursor=cursor)

        def make(directory: Directory) -> Step:
            if directory.moves.get(account) != move:
                raise Unavailable("the move was given up", RETRY_AFTER_SECONDS)
            return [move_change(account, after)], None, None

        self._committer.move(make)
        return after

    def _begin_anew(self, account: int, move: AccountMove) -> None:
        """Begin to copy from the start, under another id. A closed account is opened."""

        def make(directory: Directory) -> Step:
            again = msgspec.structs.replace(
                move, id=os.urandom(ID_BYTES).hex(), state=MoveState.COPYING, start=directory.position, cursor=""
            )
            return ([move_change(account, again)] if directory.moves.get(account) == move else []), None, None

        self._progress.pop(account, None)
        try:
            self._committer.move(make)
        except EventkeepError as exc:
            logger.warning("the move of an account could not begin anew", account=move.name, cause=str(exc))

    def _give_up_in_time(self, account: int, move: AccountMove, progress: Progress) -> None:
        """Open an account that was closed for too long, and leave it here if its move does not go on at all."""
        current, now = self._moves().get(account), time.monotonic()
        try:
            if current is None or not self._is_leading():
                return
            if current.state is MoveState.CLOSED and now - (progress.closed_at or now) > MOVE_CLOSED_SECONDS_MAX:
                logger.warning("an account is opened again: the rest of it could not be moved", account=move.name)
                self._note(account, current, MoveState.COPYING)
                progress.closed_at = None
            elif current.state is MoveState.COPYING and now - progress.moved_on_at > MOVE_IDLE_SECONDS_MAX:
                logger.warning("the move of an account is abandoned: it did not go on", account=move.name)
                self._stay(account, current)
        except EventkeepError as exc:
            logger.warning("a move could not be given up", account=move.name, cause=str(exc))

    def _cancelled(self, account: int, move: AccountMove) -> MoveReport:
        """Have an account stay, unless the other shard has it. Raises Unavailable if only that shard can tell."""
        if move.state is not MoveState.DECIDING:
            # Nobody has told the other shard to take it, and after this record nobody does.
            self._stay(account, move)
            with suppress(Unavailable):
                # The other shard may delete what it has; if it does not hear of this, before another move.
                self._leaders.send(move.shard, CancelMove(account, move.id))
            return MoveReport(NONE)
        report = self._leaders.send(move.shard, CancelMove(account, move.id))
        if report.state == MoveState.ARRIVED:
            return MoveReport(error=f"shard {move.shard} has taken the account")
        self._stay(account, move)
        return MoveReport(NONE)

    def _stay(self, account: int, move: AccountMove) -> None:
        """The account goes on to live here. Raises Unavailable."""
        home = Home(move.moves - 1, self._own)
        stays = msgspec.structs.replace(move, id="", state=MoveState.ARRIVED, moves=home.moves, cursor="", start=0)

        def make(directory: Directory) -> Step:
            if directory.moves.get(account) != move:
                raise Unavailable("the move has gone on: try again", RETRY_AFTER_SECONDS)
            return [no_move_change(account) if home == native(account) else move_change(account, stays)], None, None

        self._committer.move(make)
        self._progress.pop(account, None)

    def _send_again(self, shard: int, message: MovePiece) -> MoveReport:
        """Send a piece, some times: it is kept once. Raises Unavailable."""
        for _ in range(TRIES_MAX - 1):
            try:
                return self._leaders.send(shard, message)
            except Unavailable:
                if self._stopping.wait(RETRY_SECONDS) or not self._is_leading():
                    raise
        return self._leaders.send(shard, message)


def send_message(http: httpx.Client, url: str, message: MoveMessage) -> MoveReport:
    """Send a message to a node. Raises Unavailable if it did not respond, or does not lead."""
    try:
        response = http.post(f"{url}{MOVES_PATH}", content=encode_message(message))
        response.raise_for_status()
        return decode_report(response.content)
    except (httpx.HTTPError, msgspec.MsgspecError) as exc:
        raise Unavailable(f"the node {url} does not respond: {exc}", RETRY_AFTER_SECONDS) from exc


def all_rows(directory: Directory, table: Table, account: int) -> list[Row]:
    """All rows of an account in a table that has few."""
    found: list[Row] = []
    while rows := directory.rows_of(table, account, found[-1][:1] if found else (), MOVE_ROWS):
        found += rows
    return found
