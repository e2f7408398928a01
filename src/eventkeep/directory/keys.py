"""API keys: made once, shown once, kept as a digest.

A key is ``pk_``, 8 characters that name it in public, and 32 random ones: about 190
bits that nobody can guess or search through. That is why its digest is a plain
SHA-256; the slow digests that passwords need would only slow every request down.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Row, select

from eventkeep.clock import Clock, Randomness
from eventkeep.directory.base62 import random_text
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Readable
from eventkeep.directory.schema import api_key, api_key_use
from eventkeep.directory.scopes import FULL, checked_scopes, write_scopes
from eventkeep.errors import ConfigurationError, DirectoryError
from eventkeep.limits import (
    KEY_CACHE_ENTRIES_MAX,
    KEY_CACHE_SECONDS_MAX,
    KEY_CHARACTERS_MAX,
    KEY_LABEL_CHARACTERS_MAX,
    KEY_LAST_USED_SECONDS,
)

logger = structlog.get_logger(__name__)

PREFIX: Final = "pk_"
ID_CHARACTERS: Final = 8
SECRET_CHARACTERS: Final = 32
KEYS_QUERY: Final = select(api_key, api_key_use.c.last_used).outerjoin(api_key_use, api_key_use.c.id == api_key.c.id)


class KeyRecord(msgspec.Struct, frozen=True):
    """A key without its secret. ``id`` is its public part; times are in Unix microseconds."""

    id: str
    account: int
    scopes: frozenset[str]
    label: str
    created: int
    last_used: int | None = None
    revoked: int | None = None

    def allows(self, scope: str) -> bool:
        """Whether the key has the right ``scope``, such as ``events:read``."""
        return scope in self.scopes or FULL in self.scopes


class Known(msgspec.Struct, frozen=True):
    """A key that was looked up, until ``expires`` on the monotonic clock, in seconds."""

    record: KeyRecord
    digest: bytes
    expires: float


class Keys:
    """The API keys of one directory. Any thread may call."""

    def __init__(self, database: Readable, clock: Clock, randomness: Randomness) -> None:
        self._database, self._clock, self._randomness = database, clock, randomness
        self._known: dict[str, Known] = {}
        # Ids that no good key has, each until a time on the monotonic clock.
        self._unknown: dict[str, float] = {}
        self._used: dict[str, float] = {}
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()

    def new(self, account: int, scopes: frozenset[str], label: str = "") -> tuple[KeyRecord, str, Change]:
        """A new key of the account, its plain text, which can't be had again, and the change that makes it.

        Raises ConfigurationError for an unknown scope or a label that is too long.
        """
        if len(label) > KEY_LABEL_CHARACTERS_MAX or not label.isprintable():
            raise ConfigurationError(f"A key's label is at most {KEY_LABEL_CHARACTERS_MAX} printable characters.")
        text = random_text(ID_CHARACTERS + SECRET_CHARACTERS, self._randomness)
        plaintext = PREFIX + text
        record = KeyRecord(
            id=text[:ID_CHARACTERS],
            account=account,
            scopes=checked_scopes(scopes),
            label=label,
            created=self._now_us(),
        )
        return record, plaintext, key_change(record, digest_of(plaintext))

    def fixed(
        self, account: int, plaintext: str, scopes: frozenset[str], label: str = "", moved_from: int | None = None
    ) -> Sequence[Change]:
        """The change that makes a key whose text is given; nothing if the account has that key and it is good.

        ``moved_from`` is the account whose keys the same record moves to this one. Raises ConfigurationError if another
        key has the same first ID_CHARACTERS characters.
        """
        record = KeyRecord(
            id=plaintext[len(PREFIX) : len(PREFIX) + ID_CHARACTERS],
            account=account,
            scopes=checked_scopes(scopes),
            label=label,
            created=self._now_us(),
        )
        digest = digest_of(plaintext)
        with self._database.reading() as connection:
            row = connection.execute(KEYS_QUERY.where(api_key.c.id == record.id)).one_or_none()
        if row is not None and (row.digest != digest or row.account not in (account, moved_from)):
            raise ConfigurationError(f"There is another key that begins with {PREFIX}{record.id}.")
        is_good = row is not None and row.account == account and row.revoked is None
        return [] if is_good else [key_change(record, digest)]

    def moved(self, account: int, to: int) -> Sequence[Change]:
        """The changes that give the keys of an account to another one."""
        with self._database.reading() as connection:
            rows = connection.execute(KEYS_QUERY.where(api_key.c.account == account)).all()
        deleted = Change(Table.API_KEY, Operation.DELETE, account, [(row.id,) for row in rows])
        return [deleted, *(key_change(msgspec.structs.replace(record_of(row), account=to), row.digest) for row in rows)]

    def find(self, plaintext: str) -> KeyRecord | None:
        """The record of a good key; None for one that is unknown or revoked.

        A record may be as old as ``KEY_CACHE_SECONDS_MAX``: a revocation may be noticed so late.
        """
        known = self.known(plaintext)
        return None if known is None else known.record

    def known(self, plaintext: str) -> Known | None:
        """The look-up of a good key, for ``stands``; None for one that is unknown or revoked."""
        if not plaintext.startswith(PREFIX) or len(plaintext) > KEY_CHARACTERS_MAX or not plaintext.isascii():
            return None
        key_id = plaintext[len(PREFIX) : len(PREFIX) + ID_CHARACTERS]
        now = self._clock.monotonic()
        known = self._known.get(key_id)
        if known is None or now >= known.expires:
            # A client that goes on with a wrong key costs no read of the directory each time.
            known = None if now < self._unknown.get(key_id, now) else self._look_up(key_id, now)
            if known is None:
                return None
        if not hmac.compare_digest(known.digest, digest_of(plaintext)):
            return None
        self._used[key_id] = now
        return known

    def account_of(self, key_id: str) -> int | None:
        """The account of the good key with that id, None if there is none. The key itself is not looked at."""
        now = self._clock.monotonic()
        known = self._known.get(key_id)
        if known is None or now >= known.expires:
            known = None if now < self._unknown.get(key_id, now) else self._look_up(key_id, now)
        return None if known is None else known.record.account

    def stands(self, known: Known, now: float) -> bool:
        """Whether the look-up ``known`` still holds at ``now`` (monotonic seconds); if so, the key counts as used.

        Nothing is compared or computed: the digest was right, and the look-up is the one in use.
        """
        key_id = known.record.id
        if now >= known.expires or self._known.get(key_id) is not known:
            return False
        self._used[key_id] = now
        return True

    def list(self, account: int | None = None) -> list[KeyRecord]:
        """The keys of an account, or of all; also the revoked ones; oldest first."""
        query = KEYS_QUERY.order_by(api_key.c.created, api_key.c.id)
        if account is not None:
            query = query.where(api_key.c.account == account)
        with self._database.reading() as connection:
            return [record_of(row) for row in connection.execute(query)]

    def revoked(self, key_id: str) -> tuple[KeyRecord | None, Sequence[Change]]:
        """Return the revoked key, and the change that revokes it.

        None if there is no such key. A key that was revoked before keeps the time of the first revocation.
        """
        with self._database.reading() as connection:
            row = connection.execute(KEYS_QUERY.where(api_key.c.id == key_id)).one_or_none()
        if row is None:
            return None, []
        record = record_of(row)
        if record.revoked is not None:
            return record, []
        record = msgspec.structs.replace(record, revoked=self._now_us())
        return record, [key_change(record, row.digest)]

    def forget(self, ids: Iterable[str]) -> None:
        """Look these keys up again when they are used next: they were changed."""
        for key_id in ids:
            self._known.pop(key_id, None)
            self._unknown.pop(key_id, None)

    def write_last_used(self) -> None:
        """Write down when the keys were last used. A thread does so once a minute, and ``close`` does.

        Only one thread at a time may call.
        """
        # One by one, for other threads note uses meanwhile.
        used = {key_id: self._used.pop(key_id) for key_id in list(self._used)}
        if not used:
            return
        # Uses are noted on the clock that never goes back; here they get their time of day.
        offset = self._clock.now() - self._clock.monotonic()
        rows = [(key_id, round((offset + at) * 1_000_000)) for key_id, at in used.items()]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO api_key_use (id, last_used) VALUES (?, ?) "
                "ON CONFLICT (id) DO UPDATE SET last_used = excluded.last_used",
                rows,
            )

    def close(self) -> None:
        """Write down the last uses and end the thread."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join()
        self.write_last_used()

    def _look_up(self, key_id: str, now: float) -> Known | None:
        with self._database.reading() as connection:
            row = connection.execute(KEYS_QUERY.where(api_key.c.id == key_id)).one_or_none()
        if row is None or row.revoked is not None:
            self._known.pop(key_id, None)
            if len(self._unknown) >= KEY_CACHE_ENTRIES_MAX:
                self._unknown = {}
            self._unknown[key_id] = now + KEY_CACHE_SECONDS_MAX
            return None
        if len(self._known) >= KEY_CACHE_ENTRIES_MAX:
            self._known = {}
        known = Known(record_of(row), row.digest, now + KEY_CACHE_SECONDS_MAX)
        self._known[key_id] = known
        if self._writer is None:
            self._start_writing_last_used()
        return known

    def _start_writing_last_used(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_last_used_at_times, name="keys", daemon=True)
                self._writer.start()

    def _write_last_used_at_times(self) -> None:
        while not self._closing.wait(KEY_LAST_USED_SECONDS):
            try:
                self.write_last_used()
            except DirectoryError as exc:
                # Losing a minute of these times harms nobody; ending the thread would lose them all.
                logger.warning("the last use of keys could not be written", cause=str(exc))

    def _now_us(self) -> int:
        return round(self._clock.now() * 1_000_000)


def key_change(record: KeyRecord, digest: bytes) -> Change:
    """The change that gives the key the state of ``record``."""
    row = (record.id, digest, write_scopes(record.scopes), record.label, record.created, record.revoked)
    return Change(Table.API_KEY, Operation.PUT, record.account, [row])


def digest_of(plaintext: str) -> bytes:
    """The 32 bytes that are kept of a key."""
    return hashlib.sha256(plaintext.encode()).digest()


def record_of(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        account=row.account,
        scopes=frozenset(row.scopes.split(",")),
        label=row.label,
        created=row.created,
        last_used=row.last_used,
        revoked=row.revoked,
    )
