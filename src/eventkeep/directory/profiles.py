"""Profiles and their identifiers: read for a commit, changed by it, written with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count as counted_from
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, func, insert, select, update

from eventkeep.directory.database import Database, ListQuery, Statement, Transaction
from eventkeep.directory.recent import Recent
from eventkeep.directory.schema import identifier, profile
from eventkeep.limits import IDENTIFIER_CACHE_ENTRIES_MAX, PROFILE_CACHE_BYTES_MAX, PROFILE_CACHE_ENTRIES_MAX
from eventkeep.model.identity_resolution import IdentityResolution
from eventkeep.model.profile import IDENTIFIER_KINDS, Profile
from eventkeep.model.submission import ProfileWrite

COLUMNS = tuple(column.name for column in profile.columns)
NO_MEMBERS = "{}"
TEXTS_START, TEXTS_END = COLUMNS.index("phone_number"), COLUMNS.index("location")
"""Between these are the texts that a profile may have besides its email."""
NO_TEXTS = (None,) * (TEXTS_END - TEXTS_START)

encode_json = msgspec.json.Encoder().encode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class Profiles:
    """The profiles of one directory.

    ``load_identities`` and ``flush`` belong to the one thread that commits; the rest may be
    called from any. What the memory holds is committed, always: a flush takes out what
    it changes, and only the end of its transaction puts the new state in.
    """

    def __init__(self, database: Database, new_id: Callable[[int], str]) -> None:
        self._database, self._new_id = database, new_id
        self._owners: Recent[tuple[int, str, str], int] = Recent(IDENTIFIER_CACHE_ENTRIES_MAX)
        self.owner = self._owners.get
        """The profile that an account's identifier names (account, kind, value), where that was asked lately."""
        self._profiles: Recent[int, Profile] = Recent(PROFILE_CACHE_ENTRIES_MAX, PROFILE_CACHE_BYTES_MAX, memory_bytes)
        dialect = database.dialect
        self._insert = Statement(insert(profile).values({name: bindparam(name) for name in COLUMNS}), dialect)
        self._insert_plain = Statement(
            insert(profile).values({name: bindparam(name) for name in (*COLUMNS[:TEXTS_START], *COLUMNS[TEXTS_END:])}),
            dialect,
        )
        self._update = Statement(
            update(profile)
            .values({name: bindparam(f"new_{name}") for name in COLUMNS[1:]})
            .where(profile.c.number == bindparam("number_")),
            dialect,
        )
        self._insert_identifiers = Statement(
            insert(identifier).values({name: bindparam(name) for name in ("account", "kind", "value", "profile")}),
            dialect,
        )
        self._owners_query = ListQuery(owners_query, dialect)
        self._ids_query = ListQuery(ids_query, dialect)
        self._numbers_query = ListQuery(numbers_query, dialect)
        self._public_ids_query = ListQuery(public_ids_query, dialect)
        self._sizes_query = ListQuery(sizes_query, dialect)
        with database.reading() as connection:
            self.newest_number: int = connection.execute(select(func.max(profile.c.number))).scalar() or 0
            """The highest number of a profile when this was opened."""
        self._next_number = counted_from(self.newest_number + 1).__next__

    def settled(self, account: int, writes: Sequence[ProfileWrite]) -> list[int] | None:
        """The profile of each write, if memory alone can tell that none of them changes anything; otherwise None.

        So it is for writes that only name a profile, by one identifier that was seen lately.
        """
        recall = self._owners.get
        numbers: list[int] = []
        for write in writes:
            named = write.only_identifier
            number = None if named is None else recall((account, *named))
            if number is None:
                return None
            numbers.append(number)
        return numbers

    def load_identities(
        self, account: int, writes: Iterable[ProfileWrite], transaction: Transaction
    ) -> IdentityResolution:
        """All that the account's directory says of the identifiers in ``writes``.

        An id stands among the owners under the kind ``id``. Identifiers that nobody owns
        and ids that don't exist are left out.
        """
        owners: dict[tuple[str, str], int] = {}
        missing: dict[str, dict[str, None]] = {}
        recall = self._owners.get
        for write in writes:
            for kind in ROSTER_KINDS:
                value = getattr(write, kind)
                if value is None or (kind, value) in owners:
                    continue
                if (number := recall((account, kind, value))) is not None:
                    owners[kind, value] = number
                else:
                    missing.setdefault(kind, {})[value] = None
        found = {}
        for kind, values in missing.items():
            found.update(self._stored_owners(account, kind, sorted(values), transaction.connection))
        owners.update(found)
        profiles, loaded = self._load(account, set(owners.values()), transaction.connection)

        def remember() -> None:
            self._owners.put(((account, kind, value), number) for (kind, value), number in found.items())
            self._profiles.put((each.number, each) for each in loaded)

        transaction.after_commit(remember)
        return IdentityResolution(account, owners, profiles, self._next_number, self._new_id)

    def flush(self, roster: IdentityResolution, transaction: Transaction) -> None:
        """Write what ``roster`` has changed: new profiles, changed ones, new identifiers."""
        account, changed, created, new_owners = roster.account, roster.changed, roster.created, roster.new_owners
        if not changed and not new_owners:
            return
        # In the order of the tables' keys, so that neighbours are written together.
        numbers = sorted(changed)
        rows = [row_of(changed[number]) for number in numbers if number in created]
        # Most have an email and no more; to bind nine times nothing takes as long as all the rest.
        plain = [row[:TEXTS_START] + row[TEXTS_END:] for row in rows if row[TEXTS_START:TEXTS_END] == NO_TEXTS]
        self._insert_plain.execute_many(transaction, plain)
        if len(plain) < len(rows):
            self._insert.execute_many(transaction, [row for row in rows if row[TEXTS_START:TEXTS_END] != NO_TEXTS])
        self._update.execute_many(
            transaction,
            [(*row_of(changed[number])[1:], number) for number in numbers if number not in created],
        )
        self._insert_identifiers.execute_many(transaction, identifier_rows(account, new_owners))
        self._profiles.drop(numbers)

        def remember() -> None:
            self._owners.put(((account, kind, value), number) for (kind, value), number in new_owners.items())
            self._profiles.put(changed.items())

        transaction.after_commit(remember)

    def by_numbers(self, account: int, numbers: Iterable[int]) -> dict[int, Profile]:
        """The account's profiles of these numbers; those of others are left out. They are not to be changed."""
        found: dict[int, Profile] = {}
        missing: list[int] = []
        for number in set(numbers):
            if (known := self._profiles.peek(number)) is None:
                missing.append(number)
            elif known.account == account:
                found[number] = known
        if missing:
            with self._database.reading() as connection:
                for row in self._numbers_query.rows(connection, (account,), missing):
                    found[row[0]] = profile_of(row)
        return found

    def ids(self, account: int, numbers: Iterable[int]) -> dict[int, str]:
        """The ids of the account's profiles of these numbers: all that most answers need to know of them."""
        found: dict[int, str] = {}
        missing: list[int] = []
        for number in set(numbers):
            if (known := self._profiles.peek(number)) is None:
                missing.append(number)
            elif known.account == account:
                found[number] = known.id
        if missing:
            with self._database.reading() as connection:
                for number, profile_id in self._public_ids_query.rows(connection, (account,), missing):
                    found[number] = profile_id
        return found

    def sizes(self, account: int, numbers: Iterable[int]) -> dict[int, int]:
        """How long the properties of the account's profiles of these numbers are as JSON, in characters."""
        with self._database.reading() as connection:
            rows = self._sizes_query.rows(connection, (account,), list(set(numbers)))
            return {number: size for number, size in rows}

    def find_id(self, account: int, profile_id: str) -> int | None:
        """The number of the account's profile with that id, or None."""
        query = select(profile.c.number).where(profile.c.account == account, profile.c.id == profile_id)
        with self._database.reading() as connection:
            number: int | None = connection.execute(query).scalar()
        return number

    def find_identifier(self, account: int, kind: str, value: str) -> int | None:
        """The number of the account's profile that an identifier in normal form means, or None."""
        query = select(identifier.c.profile).where(
            identifier.c.account == account, identifier.c.kind == kind, identifier.c.value == value
        )
        with self._database.reading() as connection:
            number: int | None = connection.execute(query).scalar()
        return number

    def list(
        self, account: int, after_number: int | None = None, count: int = 200, *, descending: bool = False
    ) -> list[Profile]:
        """The ``count`` oldest profiles of the account behind ``after_number``; ``descending``: the newest ones."""
        query = select(profile).where(profile.c.account == account)
        number = profile.c.number
        if after_number is not None:
            query = query.where(number < after_number if descending else number > after_number)
        query = query.order_by(number.desc() if descending else number).limit(count)
        with self._database.reading() as connection:
            return [profile_of(row) for row in connection.execute(query)]

    def count(self, account: int) -> int:
        """How many profiles the account has. The cost grows with that number."""
        query = select(func.count()).select_from(profile).where(profile.c.account == account)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _stored_owners(
        self, account: int, kind: str, values: Sequence[str], connection: Connection
    ) -> dict[tuple[str, str], int]:
        if kind == "id":
            rows = self._ids_query.rows(connection, (account,), values)
        else:
            rows = self._owners_query.rows(connection, (account, kind), values)
        return {(kind, value): number for value, number in rows}

    def _load(
        self, account: int, numbers: set[int], connection: Connection
    ) -> tuple[dict[int, Profile], Sequence[Profile]]:
        """The profiles of the numbers, and those among them that were not in memory."""
        profiles: dict[int, Profile] = {}
        missing: list[int] = []
        for number in numbers:
            if (known := self._profiles.get(number)) is not None:
                profiles[number] = known
            else:
                missing.append(number)
        loaded = [profile_of(row) for row in self._numbers_query.rows(connection, (account,), sorted(missing))]
        profiles.update((each.number, each) for each in loaded)
        return profiles, loaded


def memory_bytes(each: Profile) -> int:
    """About what the profile takes in memory; what its texts and members take more than as JSON is included."""
    return 600 + 3 * len(encode_json(each)) + 100 * len(each.properties)


ROSTER_KINDS = ("id", *IDENTIFIER_KINDS)


def owners_query(values: list[BindParameter[Any]]) -> Any:
    return select(identifier.c.value, identifier.c.profile).where(
        identifier.c.account == bindparam("account"),
        identifier.c.kind == bindparam("kind"),
        identifier.c.value.in_(values),
    )


def ids_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile.c.id, profile.c.number).where(
        profile.c.account == bindparam("account"), profile.c.id.in_(values)
    )


def numbers_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile).where(profile.c.account == bindparam("account"), profile.c.number.in_(values))


def public_ids_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile.c.number, profile.c.id).where(
        profile.c.account == bindparam("account"), profile.c.number.in_(values)
    )


def sizes_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile.c.number, func.length(profile.c.properties)).where(
        profile.c.account == bindparam("account"), profile.c.number.in_(values)
    )


def row_of(each: Profile) -> tuple[Any, ...]:
    """The profile as a row of its table, in the order of the columns."""
    return (
        each.number,
        each.id,
        each.account,
        each.email,
        each.phone_number,
        each.external_id,
        each.anonymous_id,
        each.first_name,
        each.last_name,
        each.organization,
        each.locale,
        each.title,
        each.image,
        encode_json(each.location).decode() if each.location else NO_MEMBERS,
        encode_json(each.properties).decode() if each.properties else NO_MEMBERS,
        each.created,
        each.updated,
    )


def profile_of(row: Sequence[Any]) -> Profile:
    """The profile in a row of its table."""
    location, properties = row[13], row[14]
    return Profile(
        number=row[0],
        id=row[1],
        account=row[2],
        email=row[3],
        phone_number=row[4],
        external_id=row[5],
        anonymous_id=row[6],
        first_name=row[7],
        last_name=row[8],
        organization=row[9],
        locale=row[10],
        title=row[11],
        image=row[12],
        location={} if location == NO_MEMBERS else decode_object(location),
        properties={} if properties == NO_MEMBERS else decode_object(properties),
        created=row[15],
        updated=row[16],
    )


def identifier_rows(account: int, owners: Mapping[tuple[str, str], int]) -> list[tuple[int, str, str, int]]:
    """The owners as rows of their table, those of a kind in the order of their values.

    Kind by kind, because text sorts several times faster than pairs of text.
    """
    by_kind: dict[str, list[tuple[int, str, str, int]]] = {}
    for (kind, value), number in owners.items():
        by_kind.setdefault(kind, []).append((account, kind, value, number))
    for rows in by_kind.values():
        rows.sort(key=itemgetter(2))
    return [row for rows in by_kind.values() for row in rows]
