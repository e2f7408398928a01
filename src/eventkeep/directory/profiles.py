"""Profiles and their identifiers: read for a commit, changed by it, remembered after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count as counted_from
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import BindParameter, ColumnElement, Connection, Integer, bindparam, func, literal_column, select

from eventkeep.cache import Cache
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Database, ListQuery
from eventkeep.directory.known_ids import KnownIds
from eventkeep.directory.pending import NOBODY, Pending
from eventkeep.directory.profile_ids import ProfileIds
from eventkeep.directory.schema import (
    NUMBER_MASK,
    STORED_PROFILE,
    identifier,
    key_of,
    merged_profile,
    number_of,
    profile,
    secondary_identifier,
)
from eventkeep.directory.settled_writes import SettledWrites
from eventkeep.limits import IDENTIFIER_CACHE_ENTRIES_MAX, PROFILE_CACHE_BYTES_MAX, PROFILE_CACHE_ENTRIES_MAX
from eventkeep.model.consent import NOTHING, Consent
from eventkeep.model.identity_resolution import IdentityResolution
from eventkeep.model.profile import IDENTIFIER_KINDS, Profile, StoredProfile
from eventkeep.model.profile_write import ProfileWrite

NO_MEMBERS = "{}"
NO_CONSENT = (NO_MEMBERS, None, None)

encode_json = msgspec.json.Encoder().encode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode
decode_consent = msgspec.json.Decoder(Consent).decode


class Profiles:
    """The profiles of one directory.

    ``known``, ``load_identities``, ``remember``, ``note`` and ``forget_numbers`` belong to the one thread that
    commits; the rest may be called from any. The memory holds applied states only.
    """

    def __init__(self, database: Database, new_ids: ProfileIds) -> None:
        self._database, self._shared_ids = database, new_ids
        self._new_ids: dict[int, ProfileIds] = {}
        self._owners: Cache[tuple[int, str, str], int] = Cache(IDENTIFIER_CACHE_ENTRIES_MAX)
        self._profiles: Cache[int, Profile] = Cache(PROFILE_CACHE_ENTRIES_MAX, PROFILE_CACHE_BYTES_MAX, memory_bytes)
        self._settled = SettledWrites()
        self._known_ids = KnownIds()
        self._next_numbers: dict[int, Callable[[], int]] = {}
        dialect = database.dialect
        self._owners_query = ListQuery(owners_query, dialect)
        self._ids_query = ListQuery(ids_query, dialect)
        self._numbers_query = ListQuery(numbers_query, dialect)
        self._public_ids_query = ListQuery(public_ids_query, dialect)
        self._sizes_query = ListQuery(sizes_query, dialect)
        self._stored_query = ListQuery(stored_query, dialect)
        with database.reading() as connection:
            self.has_merges = connection.execute(select(merged_profile.c.number).limit(1)).scalar() is not None

    def known(
        self, account: int, writes: Sequence[ProfileWrite], pending: Pending, settled: set[int] | None
    ) -> list[int | None]:
        """The number of the profile of each write that memory alone can resolve, None for the others.

        Those are writes that only name a profile and, unless ``settled`` is None, those that were applied to a profile
        that has not changed since. The keys of the latter's profiles are added to ``settled``. Every profile of every
        batch goes through here, so that it does little for each.
        """
        named = [(place, (account, *only)) for place, write in enumerate(writes) if (only := write.only_identifier)]
        found = self._owners.get_all([identifier for _, identifier in named])
        if len(named) == len(writes):
            return found
        numbers: list[int | None] = [None] * len(writes)
        for (place, _), number in zip(named, found, strict=True):
            numbers[place] = number
        if settled is not None:
            has_pending = pending.changes_profiles
            # No write was applied with an empty digest.
            for place, key in enumerate(self._settled.find_all([(account, write.digest) for write in writes])):
                if key is not None and not (has_pending and pending.profile(key) is not None):
                    settled.add(key)
                    numbers[place] = key & NUMBER_MASK
        return numbers

    def load_identities(
        self, account: int, writes: Iterable[ProfileWrite], pending: Pending, losing: Iterable[str] = ()
    ) -> IdentityResolution:
        """All that the account's directory says of the identifiers in ``writes``, once ``pending`` is applied.

        An id stands among the owners under the kind ``id``. Identifiers that nobody owns
        and ids that don't exist are left out. ``losing`` has the ids of profiles that may lose
        identifiers, or be merged away: of them all is known. They are ids in ``writes``, too, and
        nothing may be pending then.
        """
        named: dict[tuple[str, str], None] = {}
        for write in writes:
            if write.id is not None:
                named["id", write.id] = None
            named.update(dict.fromkeys(write.identifiers()))
        keys = [(account, kind, value) for kind, value in named]
        owners: dict[tuple[str, str], int] = {}
        missing: dict[str, list[str]] = {}
        known = zip(named, pending.owners_of(account, named), self._owners.get_all(keys), strict=True)
        for (kind, value), then, now in known:
            number = now if then is None else then
            if number is None:
                missing.setdefault(kind, []).append(value)
            elif number != NOBODY:
                owners[kind, value] = number
        with self._database.reading() as connection:
            found = {}
            for kind, values in missing.items():
                found.update(self._stored_owners(account, kind, sorted(values), connection))
            owners.update(found)
            self._owners.put(((account, kind, value), number) for (kind, value), number in found.items())
            profiles = self._load(account, set(owners.values()), pending, connection)
            if account not in self._next_numbers:
                first = newest_number(account, connection) + 1
                self._next_numbers[account] = counted_from(first).__next__
                self._new_ids[account] = self._shared_ids.of(account, first)
            if len(profiles) < len(set(owners.values())):
                # Memory still has the id of a profile that was merged away.
                owners = {identifier: number for identifier, number in owners.items() if number in profiles}
            lost = [number for id in losing if (number := owners.get(("id", id))) is not None]
            stored = {number: identifiers_of(profiles[number], connection) for number in lost}
        merged = {number: self.numbers_of(account, number)[1:] for number in lost}
        next_number, new_id = self._next_numbers[account], self._new_ids[account]
        return IdentityResolution(account, owners, profiles, next_number, new_id, stored, merged)

    def remember(self, pending: Pending) -> None:
        """Keep the applied profiles in memory."""
        self._profiles.put(pending.profiles.items())
        self._settled.note_applied(pending.settled.items())

    def note(self, change: Change) -> None:
        """Have an applied change in memory: profiles that it makes stale are dropped, new owners kept."""
        account = change.account
        if change.table is Table.PROFILE:
            first = key_of(account, 0)
            keys = [first + row[0] for row in change.rows]
            self._profiles.drop(keys)
            self._settled.note_changed(keys)
        elif change.table is Table.IDENTIFIER:
            if change.operation is Operation.PUT:
                self._owners.put([((account, kind, value), number) for kind, value, number in change.rows])
            else:
                self._owners.drop((account, kind, value) for kind, value in change.rows)
        elif change.table is Table.MERGED_PROFILE:
            self.has_merges = True

    def forget_numbers(self) -> None:
        """Look up again which numbers are free: another node may have used some."""
        self._next_numbers.clear()

    def numbers(self, account: int) -> npt.NDArray[np.uint32]:
        """The numbers of all profiles of the account, of those that were merged into others, too."""
        with self._database.reading() as connection:
            keys = connection.execute(select(profile.c.key).where(of_account(account))).scalars().all()
            query = select(merged_profile.c.number).where(merged_profile.c.account == account)
            merged = connection.execute(query).scalars().all()
        return np.array([*(number_of(key) for key in keys), *merged], dtype=np.uint32)

    def numbers_of(self, account: int, number: int) -> list[int]:
        """The number of a profile and those of all profiles that were merged into it: its events are under all."""
        if not self.has_merges:
            return [number]
        query = select(merged_profile.c.number).where(
            merged_profile.c.account == account, merged_profile.c.into == number
        )
        with self._database.reading() as connection:
            return [number, *connection.execute(query.order_by(merged_profile.c.number)).scalars()]

    def merges(self, account: int) -> dict[int, int]:
        """The surviving profile of every number of the account that was merged into another."""
        if not self.has_merges:
            return {}
        query = select(merged_profile.c.number, merged_profile.c.into).where(merged_profile.c.account == account)
        with self._database.reading() as connection:
            return {row.number: row.into for row in connection.execute(query)}

    def merged_into(self, account: int, numbers: Iterable[int]) -> dict[int, list[int]]:
        """The numbers of the profiles that were merged into each of these; those with none are left out."""
        wanted = sorted(set(numbers))
        found: dict[int, list[int]] = {}
        if not self.has_merges:
            return found
        with self._database.reading() as connection:
            for start in range(0, len(wanted), 500):
                query = select(merged_profile.c.into, merged_profile.c.number).where(
                    merged_profile.c.account == account, merged_profile.c.into.in_(wanted[start : start + 500])
                )
                for row in connection.execute(query):
                    found.setdefault(row.into, []).append(row.number)
        return found

    def survivors(self, account: int, numbers: Iterable[int]) -> dict[int, int]:
        """The surviving profile of each number that was merged into another; the others are left out."""
        if not self.has_merges:
            return {}
        wanted = list(set(numbers))
        found: dict[int, int] = {}
        with self._database.reading() as connection:
            for start in range(0, len(wanted), 500):
                query = select(merged_profile.c.number, merged_profile.c.into).where(
                    merged_profile.c.account == account, merged_profile.c.number.in_(wanted[start : start + 500])
                )
                found.update((row.number, row.into) for row in connection.execute(query))
        return found

    def by_numbers(self, account: int, numbers: Iterable[int]) -> dict[int, Profile]:
        """The account's profiles of these numbers; those of others are left out. They are not to be changed."""
        found: dict[int, Profile] = {}
        missing: list[int] = []
        for number in set(numbers):
            if (known := self._profiles.peek(key_of(account, number))) is None:
                missing.append(key_of(account, number))
            else:
                found[number] = known
        if missing:
            with self._database.reading() as connection:
                for row in self._numbers_query.rows(connection, (), missing):
                    found[number_of(row[0])] = profile_of(row)
        return found

    def stored(self, account: int, numbers: Iterable[int]) -> dict[int, StoredProfile]:
        """The account's profiles of these numbers as they are stored, without parsing them; the others are left out."""
        with self._database.reading() as connection:
            rows = self._stored_query.rows(connection, (), [key_of(account, number) for number in numbers])
            return {number_of(row[0]): StoredProfile._make(row[1:]) for row in rows}

    def ids(self, account: int, numbers: Iterable[int]) -> dict[int, str]:
        """The ids of the account's profiles of these numbers, which are all that most responses need."""
        wanted = list(set(numbers))
        known = zip(wanted, self._known_ids.find(account, wanted), strict=True)
        found = {number: profile_id.decode() for number, profile_id in known if profile_id}
        if len(found) < len(wanted):
            missing = [key_of(account, number) for number in wanted if number not in found]
            with self._database.reading() as connection:
                rows = self._public_ids_query.rows(connection, (), missing)
                read = {number_of(key): profile_id for key, profile_id in rows}
            self._known_ids.note(account, read)
            found |= read
        return found

    def sizes(self, account: int, numbers: Iterable[int]) -> dict[int, int]:
        """How long the properties of the account's profiles of these numbers are as JSON, in characters."""
        with self._database.reading() as connection:
            rows = self._sizes_query.rows(connection, (), [key_of(account, number) for number in set(numbers)])
            return {number_of(key): size for key, size in rows}

    def find_id(self, account: int, profile_id: str) -> int | None:
        """The number of the account's profile with that id, or None."""
        query = select(profile.c.key).where(profile.c.account == account, profile.c.id == profile_id)
        with self._database.reading() as connection:
            key: int | None = connection.execute(query).scalar()
        return None if key is None else number_of(key)

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
        query = select(*STORED_PROFILE).where(of_account(account))
        key = profile.c.key
        if after_number is not None:
            after = key_of(account, after_number)
            query = query.where(key < after if descending else key > after)
        query = query.order_by(key.desc() if descending else key).limit(count)
        with self._database.reading() as connection:
            return [profile_of(row) for row in connection.execute(query)]

    def count(self, account: int) -> int:
        """How many profiles the account has. The cost grows with that number."""
        query = select(func.count()).select_from(profile).where(of_account(account))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _stored_owners(
        self, account: int, kind: str, values: Sequence[str], connection: Connection
    ) -> dict[tuple[str, str], int]:
        if kind == "id":
            rows = self._ids_query.rows(connection, (account,), values)
        else:
            rows = self._owners_query.rows(connection, (account, kind), values)
        return {(kind, value): number_of(number) for value, number in rows}

    def _load(self, account: int, numbers: set[int], pending: Pending, connection: Connection) -> dict[int, Profile]:
        """The profiles of the numbers."""
        profiles: dict[int, Profile] = {}
        missing: list[int] = []
        for number in numbers:
            key = key_of(account, number)
            if (known := pending.profile(key)) is not None or (known := self._profiles.get(key)) is not None:
                profiles[number] = known
            else:
                missing.append(key)
        loaded = [profile_of(row) for row in self._numbers_query.rows(connection, (), sorted(missing))]
        profiles.update((each.number, each) for each in loaded)
        self._profiles.put((key_of(account, each.number), each) for each in loaded)
        return profiles


def resolution_changes(resolved: IdentityResolution, pending: Pending) -> list[Change]:
    """The changes of a commit to an account's profiles; they are noted in ``pending``, too."""
    account, changed, new_owners = resolved.account, resolved.changed, resolved.new_owners
    changes: list[Change] = []
    owners = pending.owners.setdefault(account, {})
    if resolved.released:
        changes.append(Change(Table.IDENTIFIER, Operation.DELETE, account, sorted(resolved.released)))
        owners.update(dict.fromkeys(resolved.released, NOBODY))
    if changed:
        # In the order of the tables' keys, so that neighbours are written together.
        rows = [row_of(changed[number]) for number in sorted(changed)]
        changes.append(Change(Table.PROFILE, Operation.PUT, account, rows))
        first = key_of(account, 0)
        pending.profiles.update({first + number: each for number, each in changed.items()})
        owners.update(resolved.new_ids)
    if new_owners:
        changes.append(Change(Table.IDENTIFIER, Operation.PUT, account, identifier_rows(new_owners)))
        owners.update(new_owners)
    if resolved.secondary:
        changes += secondary_changes(resolved)
    if resolved.merged:
        changes += merge_changes(resolved)
    return changes


def secondary_changes(resolved: IdentityResolution) -> list[Change]:
    """The identifiers that a profile has without showing them, and those that are shown or free now."""
    account, secondary = resolved.account, resolved.secondary
    rows = [(kind, value, number) for (kind, value), number in sorted(secondary.items()) if number is not None]
    gone = sorted(identifier for identifier, number in secondary.items() if number is None)
    changes = [Change(Table.SECONDARY_IDENTIFIER, Operation.DELETE, account, gone)] if gone else []
    return [*changes, Change(Table.SECONDARY_IDENTIFIER, Operation.PUT, account, rows)] if rows else changes


def merge_changes(resolved: IdentityResolution) -> list[Change]:
    """The profiles that were merged: deleted, and their numbers point to the survivor, as do those merged before."""
    account, merged = resolved.account, resolved.merged
    into = {source: survivor_of(source, merged) for source in merged}
    into |= {number: into[source] for source in merged for number in resolved.merged_before.get(source, ())}
    return [
        Change(Table.PROFILE, Operation.DELETE, account, [(source,) for source in sorted(merged)]),
        Change(Table.MERGED_PROFILE, Operation.PUT, account, sorted(into.items())),
    ]


def survivor_of(number: int, merged: Mapping[int, int]) -> int:
    """The profile that is left of a chain of merges."""
    while number in merged:
        number = merged[number]
    return number


def identifiers_of(each: Profile, connection: Connection) -> set[tuple[str, str]]:
    """All identifiers that a profile owns."""
    query = select(secondary_identifier.c.kind, secondary_identifier.c.value).where(
        secondary_identifier.c.account == each.account, secondary_identifier.c.profile == each.number
    )
    secondary = {(row.kind, row.value) for row in connection.execute(query)}
    return secondary | {(kind, value) for kind in IDENTIFIER_KINDS if (value := getattr(each, kind, None)) is not None}


def newest_number(account: int, connection: Connection) -> int:
    """The highest number of a profile of the account, merged ones included; 0 if there is none."""
    profiles = select(func.max(profile.c.key)).where(of_account(account))
    merged = select(func.max(merged_profile.c.number)).where(merged_profile.c.account == account)
    key, number = connection.execute(profiles).scalar(), connection.execute(merged).scalar()
    return max(0 if key is None else number_of(key), number or 0)


def of_account(account: int) -> ColumnElement[bool]:
    """The profiles of an account, as a range of their table's order."""
    return profile.c.key.between(key_of(account, 0), key_of(account, NUMBER_MASK))


def memory_bytes(each: Profile) -> int:
    """An estimate of the bytes of a profile in memory, with the overhead of its texts and members over their JSON."""
    return 600 + 3 * len(encode_json(each)) + 100 * len(each.properties)


def owners_query(values: list[BindParameter[Any]]) -> Any:
    return select(identifier.c.value, identifier.c.profile).where(
        identifier.c.account == bindparam("account"),
        identifier.c.kind == bindparam("kind"),
        identifier.c.value.in_(values),
    )


def ids_query(values: list[BindParameter[Any]]) -> Any:
    # The plus keeps SQLite from an index of the account: it would look at all its profiles for a few dozen ids.
    account = literal_column("+profile.account", Integer)
    return select(profile.c.id, profile.c.key).where(account == bindparam("account"), profile.c.id.in_(values))


def numbers_query(values: list[BindParameter[Any]]) -> Any:
    return select(*STORED_PROFILE).where(profile.c.key.in_(values))


def stored_query(values: list[BindParameter[Any]]) -> Any:
    columns = [profile.c[name] for name in StoredProfile._fields]
    return select(profile.c.key, *columns).where(profile.c.key.in_(values))


def public_ids_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile.c.key, profile.c.id).where(profile.c.key.in_(values))


def sizes_query(values: list[BindParameter[Any]]) -> Any:
    return select(profile.c.key, func.length(profile.c.properties)).where(profile.c.key.in_(values))


def row_of(each: Profile) -> tuple[Any, ...]:
    """The profile as a row of a change."""
    return (
        each.number,
        each.id,
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
        *(NO_CONSENT if each.consent is NOTHING else consent_columns(each.consent)),
    )


def consent_columns(consent: Consent) -> tuple[str, int | None, int | None]:
    """The consent as JSON, and the times of the newest suppressions that hold: of all messages, and of one list."""
    suppressed = max((since for _, since in consent.held_suppressions()), default=None)
    lists = [each.since for each in consent.list_suppressions.values() if each.holds]
    return encode_json(consent).decode(), suppressed, max(lists, default=None)


def profile_of(row: Sequence[Any]) -> Profile:
    """The profile in a row of its table."""
    location, properties = row[13], row[14]
    return Profile(
        number=number_of(row[0]),
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
        consent=NOTHING if row[17] == NO_MEMBERS else decode_consent(row[17]),
    )


def identifier_rows(owners: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    """The owners as rows of a change, those of a kind in the order of their values.

    Kind by kind, because text sorts several times faster than pairs of text.
    """
    by_kind: dict[str, list[tuple[str, str, int]]] = {}
    for (kind, value), number in owners.items():
        by_kind.setdefault(kind, []).append((kind, value, number))
    for rows in by_kind.values():
        rows.sort(key=itemgetter(1))
    return [row for rows in by_kind.values() for row in rows]
