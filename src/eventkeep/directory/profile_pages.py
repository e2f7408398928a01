"""Pages of profiles: any filter, in any order, without reading much more than the page.

Profiles with a named identifier are read whole and sorted. Otherwise the table is walked in the page's
order until the page is full, and the conditions are looked at on the way. It is walked by an index of
that order: one that has the suppressed profiles alone, if others can't be on the page. If a condition
with an index leaves few profiles, it is walked by that one, and SQLite sorts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from eventkeep.directory.database import Database
from eventkeep.directory.profiles import encode_json, profile_of
from eventkeep.directory.schema import NUMBER_MASK, REASONS, TIME_MAX, key_of, suppression_index
from eventkeep.limits import PROFILES_SORTED_MAX
from eventkeep.model.consent import Consent
from eventkeep.model.profile import Profile
from eventkeep.model.profile_selection import Bounds, ProfileSelection, SortValue, SuppressionConditions

Found = tuple[Profile, SortValue]
"""A profile and its value in the order that was asked for."""

COLUMNS: Final = (
    "p.key, p.id, p.account, p.email, p.phone_number, p.external_id, p.anonymous_id, p.first_name, p.last_name, "
    "p.organization, p.locale, p.title, p.image, p.location, p.properties, p.created, p.updated, p.consent, "
    "p.suppressed, p.list_suppressed"
)
SUPPRESSED_PLACE: Final = 18
"""The place of ``suppressed`` in COLUMNS; ``list_suppressed`` is behind it."""
VALUES_AT_ONCE: Final = 500
"""Values of one list in SQL."""
CLOCK_STEP_MICROSECONDS: Final = 86_400_000_000
"""How far a clock may be set back between the creation of a profile and its next update."""
SUPPRESSED_SORTED_MAX: Final = 1_000
"""The same as PROFILES_SORTED_MAX for suppressions, which are looked at in an index alone if there are more."""


class Condition(msgspec.Struct, frozen=True):
    """A piece of SQL with its parameters."""

    sql: str
    values: tuple[Any, ...] = ()


class Walk(msgspec.Struct, frozen=True):
    """One stretch of an order: its source in SQL, and the value of a row in the order (None: there is none).

    ``value`` is SQL. A stretch of profiles that have no value is in the order of their numbers.
    """

    source: str
    value: str | None
    values: tuple[Any, ...] = ()


class ProfilePages:
    """Pages of the profiles of one directory. Any thread may call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, selection: ProfileSelection) -> list[Found]:
        """The profiles that are selected, in the order in which they are walked to. Raises DirectoryError."""
        with self._database.reading() as connection:
            return find_profiles(connection, selection)


def find_profiles(connection: Connection, selection: ProfileSelection) -> list[Found]:
    """The profiles that are selected, in the order in which they are walked to."""
    selection = with_implied_bounds(selection)
    keys = key_range(connection, selection)
    if keys[0] > keys[1]:
        return []
    if selection.named:
        rows = named_rows(connection, selection)
        return sorted_page(selection, keys, rows)
    return walked_page(connection, selection, keys, conditions_of(selection))


def with_implied_bounds(selection: ProfileSelection) -> ProfileSelection:
    """The selection with the bounds that follow from its own: a walk starts behind the profiles that they leave out.

    A profile is not updated before it is created; CLOCK_STEP_MICROSECONDS is for a clock that was set back meanwhile.
    """
    created, updated = selection.created, selection.updated
    if updated.most is not None:
        created = created.narrowed(Bounds(None, updated.most + CLOCK_STEP_MICROSECONDS))
    if selection.created.least is not None:
        updated = updated.narrowed(Bounds(selection.created.least - CLOCK_STEP_MICROSECONDS, None))
    return msgspec.structs.replace(selection, created=created, updated=updated)


def key_range(connection: Connection, selection: ProfileSelection) -> tuple[int, int]:
    """The first and the last key that a profile within the bounds of ``created`` can have.

    Numbers are given in the order of creation, so the bounds are found by halving.
    """
    low, high = key_of(selection.account, 0), key_of(selection.account, NUMBER_MASK)
    bounds = selection.created
    if bounds.is_open:
        return low, high
    newest = connection.exec_driver_sql("SELECT max(key) FROM profile WHERE key BETWEEN ? AND ?", (low, high)).scalar()
    if newest is None:
        return high, low
    first = low if bounds.least is None else first_created(connection, low, newest, bounds.least)
    end = newest + 1 if bounds.most is None else first_created(connection, low, newest, bounds.most + 1)
    return first, end - 1


def first_created(connection: Connection, low: int, high: int, moment: int) -> int:
    """The key from which on profiles were created at ``moment`` or later; ``high`` + 1 if there is none."""
    end = high + 1
    while low < end:
        middle = (low + end) // 2
        row = connection.exec_driver_sql(
            "SELECT key, created FROM profile WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", (middle, high)
        ).first()
        if row is None or row[1] >= moment:
            end = middle
        else:
            low = row[0] + 1
    return low


def conditions_of(selection: ProfileSelection) -> list[Condition]:
    """The conditions as SQL, as far as SQL can tell; ``is_selected`` tells the rest."""
    conditions: list[Condition] = []
    if not selection.updated.is_open:
        conditions.append(between("p.updated", selection.updated))
    if selection.suppression is not None:
        conditions += suppression_conditions(selection.suppression)
    if selection.list_suppression is not None:
        # The newest suppression is not older than the one that is asked for; of one alone everything is known.
        since = selection.list_suppression.since
        conditions.append(between("p.list_suppressed", Bounds(since.least, None)))
        if since.most is not None:
            conditions.append(Condition("(p.list_suppressed <= ? OR p.only_list IS NULL)", (since.most,)))
        for list_id in selection.list_suppression.list_ids or ():
            quoted = encode_json(list_id).decode()
            conditions.append(Condition("(p.only_list = ? OR p.only_list IS NULL)", (quoted,)))
    return conditions


def suppression_conditions(asked: SuppressionConditions) -> list[Condition]:
    """The conditions on the suppressions of email marketing; those of any reason lie between the oldest and newest."""
    reasons, since = reasons_of(asked), asked.since
    if not reasons:
        return [Condition("FALSE")]
    if len(reasons) == 1:
        return [between(f"p.{reasons[0]}", since)]
    return [between("p.suppressed", Bounds(since.least, None)), between("p.first_suppressed", Bounds(None, since.most))]


def reasons_of(asked: SuppressionConditions) -> Sequence[str]:
    """The columns of the reasons that a suppression may have."""
    if asked.reasons is None:
        return REASONS
    # One suppression can't have two reasons.
    return [reason for reason in REASONS if asked.reasons == {reason.upper()}]


def some_of(selection: ProfileSelection) -> str | None:
    """A column in which all selected profiles have a value, and that has indexes; None if there is none."""
    if selection.suppression is not None:
        return "suppressed"
    return None if selection.list_suppression is None else "list_suppressed"


def between(column: str, bounds: Bounds) -> Condition:
    least = 0 if bounds.least is None else bounds.least
    return Condition(f"{column} BETWEEN ? AND ?", (least, TIME_MAX if bounds.most is None else bounds.most))


def few_of(connection: Connection, selection: ProfileSelection) -> Walk | None:
    """The source of the profiles that one of the filters leaves, in no order, None if there are many."""
    account, asked = selection.account, selection.suppression
    by_updated = "ix_profile_account_updated"
    is_asked = selection.sort != "updated" and not selection.updated.is_open
    if is_asked and has_few(connection, by_updated, account, between("updated", selection.updated)):
        return Walk(f"profile AS p INDEXED BY {by_updated} WHERE p.account = ?", None, (account,))
    if asked is None or (asked.since.is_open and asked.reasons is None):
        return None
    # Each range by itself, so that it is found in its own index.
    ranges = [(reason, between(reason, asked.since)) for reason in reasons_of(asked)]
    if not ranges:
        return None
    sql = " UNION ALL ".join(
        f"SELECT key FROM profile INDEXED BY {suppression_index(reason, reason)} WHERE account = ? AND {bounds.sql}"
        for reason, bounds in ranges
    )
    values = [value for _, bounds in ranges for value in (account, *bounds.values)]
    keys = connection.exec_driver_sql(f"{sql} LIMIT ?", (*values, SUPPRESSED_SORTED_MAX + 1)).scalars().all()
    if len(keys) > SUPPRESSED_SORTED_MAX:
        return None
    return Walk("profile AS p WHERE p.key IN (SELECT value FROM json_each(?))", None, (str(list(keys)),))


def has_few(connection: Connection, index: str, account: int, bounds: Condition) -> bool:
    """Whether at most PROFILES_SORTED_MAX profiles of the account are within the bounds."""
    count = connection.exec_driver_sql(
        f"SELECT count(*) FROM (SELECT 1 FROM profile INDEXED BY {index} WHERE account = ? AND {bounds.sql} LIMIT ?)",
        (account, *bounds.values, PROFILES_SORTED_MAX + 1),
    ).scalar_one()
    return int(count) <= PROFILES_SORTED_MAX


def named_rows(connection: Connection, selection: ProfileSelection) -> list[Any]:
    """The profiles that have one of the named identifiers of each kind."""
    account = selection.account
    keys: set[int] | None = None
    for kind, wanted in selection.named.items():
        own: set[int] = set()
        for values in pieces(sorted(wanted)):
            marks = ",".join("?" * len(values))
            if kind == "id":
                # The plus keeps SQLite from looking at all profiles of the account.
                sql = f"SELECT key FROM profile WHERE +account = ? AND id IN ({marks})"
                own.update(row[0] for row in connection.exec_driver_sql(sql, (account, *values)))
            else:
                sql = f"SELECT profile FROM identifier WHERE account = ? AND kind = ? AND value IN ({marks})"
                own.update(key_of(account, row[0]) for row in connection.exec_driver_sql(sql, (account, kind, *values)))
        keys = own if keys is None else keys & own
    rows: list[Any] = []
    for part in pieces(sorted(keys or ())):
        sql = f"SELECT {COLUMNS} FROM profile AS p WHERE p.key IN ({','.join('?' * len(part))})"
        rows += connection.exec_driver_sql(sql, tuple(part)).fetchall()
    return rows


def pieces(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values, VALUES_AT_ONCE at a time."""
    for start in range(0, len(values), VALUES_AT_ONCE):
        yield values[start : start + VALUES_AT_ONCE]


def sorted_page(selection: ProfileSelection, keys: tuple[int, int], rows: Sequence[Any]) -> list[Found]:
    """The page, of all candidates."""
    found = [
        each
        for row in rows
        if keys[0] <= row[0] <= keys[1] and is_selected(each := found_of(row, selection), selection)
    ]
    descending = selection.descending != selection.is_backward
    with_value = sorted([each for each in found if each[1] is not None], key=sort_key, reverse=descending)
    without = sorted([each for each in found if each[1] is None], key=sort_key, reverse=descending)
    # Those without a value come last, in either order of the others.
    ordered = [*without, *with_value] if selection.is_backward else [*with_value, *without]
    after = selection.after
    if after is not None:
        ordered = [each for each in ordered if is_behind(each, selection)]
    return ordered[: selection.count]


def sort_key(found: Found) -> tuple[Any, int]:
    profile, value = found
    return 0 if value is None else value, profile.number


def is_behind(found: Found, selection: ProfileSelection) -> bool:
    """Whether the profile comes behind ``selection.after``, in the order of walking."""
    after = selection.after
    assert after is not None
    value = found[1]
    if (value is None) != (after.value is None):
        return (value is None) != selection.is_backward
    own = sort_key(found)
    other = (0 if after.value is None else after.value, after.number)
    return own < other if selection.descending != selection.is_backward else own > other


def walked_page(
    connection: Connection, selection: ProfileSelection, keys: tuple[int, int], conditions: Sequence[Condition]
) -> list[Found]:
    """The page, found by walking the table in its order."""
    stretches = walks_of(selection, narrowed_source(connection, selection, keys))
    if selection.is_backward:
        stretches.reverse()
    after = selection.after
    found: list[Found] = []
    for walk in stretches:
        if after is not None and (after.value is None) != (walk.value is None):
            # The page begins in the other stretch: this one lies before it, or all of it behind.
            is_before = (walk.value is None) == selection.is_backward
            if is_before:
                continue
        for row in walk_rows(connection, walk, selection, keys, conditions):
            each = found_of(row, selection)
            if is_selected(each, selection):
                found.append(each)
                if len(found) == selection.count:
                    return found
    return found


def narrowed_source(connection: Connection, selection: ProfileSelection, keys: tuple[int, int]) -> Walk | None:
    """Return the source of few profiles, in no order; None if there are many."""
    # By the table itself. The order of emails has no index with the times, so that it costs more to walk it.
    sorted_max = PROFILES_SORTED_MAX * (3 if selection.sort == "email" else 1)
    if selection.sort != "number" and keys[1] - keys[0] < sorted_max:
        return Walk("profile AS p NOT INDEXED WHERE TRUE", None)
    return few_of(connection, selection)


def walks_of(selection: ProfileSelection, narrowed: Walk | None) -> list[Walk]:
    """The stretches of an order, those with a value first."""
    account = selection.account
    if narrowed is not None:
        if selection.sort == "number":
            return [Walk(narrowed.source, "p.key", narrowed.values)]
        column = f"p.{selection.sort}"
        return [
            Walk(f"{narrowed.source} AND {column} IS NOT NULL", column, narrowed.values),
            Walk(f"{narrowed.source} AND {column} IS NULL", None, narrowed.values),
        ]
    if (some := some_of(selection)) is not None:
        return suppressed_walks(selection, some)
    match selection.sort:
        case "number":
            return [Walk("profile AS p WHERE TRUE", "p.key")]
        case "updated":
            return [
                Walk("profile AS p INDEXED BY ix_profile_account_updated WHERE p.account = ?", "p.updated", (account,))
            ]
        case "email":
            joined = (
                "identifier AS i CROSS JOIN profile AS p ON p.key = ? | i.profile AND p.email = i.value "
                "WHERE i.account = ? AND i.kind = 'email'"
            )
            without = "profile AS p INDEXED BY ix_profile_without_email WHERE p.account = ? AND p.email IS NULL"
            with_email = Walk(joined, "i.value", (key_of(account, 0), account))
            return [with_email, Walk(without, None, (account,))]
    (with_value, _) = suppressed_walks(selection, selection.sort)
    return [with_value, Walk(f"profile AS p WHERE p.{selection.sort} IS NULL", None)]


def suppressed_walks(selection: ProfileSelection, some: str) -> list[Walk]:
    """The stretches of an order with the profiles alone that have a value in the column ``some``."""
    order = "key" if selection.sort == "number" else selection.sort
    index, account = suppression_index(some, order), (selection.account,)
    source = f"profile AS p INDEXED BY {index} WHERE p.account = ? AND p.{some} IS NOT NULL"
    if order in ("key", "updated"):
        return [Walk(source, f"p.{order}", account)]
    return [
        Walk(f"{source} AND p.{order} IS NOT NULL", f"p.{order}", account),
        Walk(f"{source} AND p.{order} IS NULL", None, account),
    ]


def walk_rows(
    connection: Connection,
    walk: Walk,
    selection: ProfileSelection,
    keys: tuple[int, int],
    conditions: Sequence[Condition],
) -> Iterator[Any]:
    """The rows of a stretch that fulfil the conditions, behind ``after`` if that lies in it."""
    descending = selection.descending != selection.is_backward
    direction, sign = ("DESC", "<") if descending else ("ASC", ">")
    is_by_key = walk.value in (None, "p.key")
    after = selection.after
    parts: list[Condition] = []
    if after is not None and (after.value is None) == (walk.value is None):
        key = key_of(selection.account, after.number)
        if is_by_key:
            # One range: of two bounds on one side SQLite would take either.
            keys = (keys[0], min(keys[1], key - 1)) if descending else (max(keys[0], key + 1), keys[1])
        elif walk.value == "i.value":
            parts.append(Condition(f"i.value {sign} ?", (after.value,)))
        else:
            parts.append(Condition(f"({walk.value}, p.key) {sign} (?, ?)", (after.value, key)))
    parts = [Condition("p.key BETWEEN ? AND ?", keys), *conditions, *parts]
    order = "p.key" if is_by_key else walk.value
    tie = "" if order in ("p.key", "i.value") else f", p.key {direction}"
    where = "".join(f" AND {part.sql}" for part in parts)
    values = (*walk.values, *(value for part in parts for value in part.values))
    sql = f"SELECT {COLUMNS} FROM {walk.source}{where} ORDER BY {order} {direction}{tie}"
    with connection.exec_driver_sql(sql, values) as result:
        yield from result


def found_of(row: Any, selection: ProfileSelection) -> Found:
    """The profile in a row, and its value in the order."""
    match selection.sort:
        case "number":
            value: SortValue = row[0] & NUMBER_MASK
        case "updated":
            value = row[16]
        case "email":
            value = row[3]
        case "suppressed":
            value = row[SUPPRESSED_PLACE]
        case _:
            value = row[SUPPRESSED_PLACE + 1]
    return profile_of(row), value


def is_selected(found: Found, selection: ProfileSelection) -> bool:
    """Whether the profile fulfils the conditions that SQL did not look at, or not closely."""
    profile = found[0]
    if not within(profile.created, selection.created) or not within(profile.updated, selection.updated):
        return False
    consent = profile.consent
    if selection.suppression is not None:
        held = [(since, reason, "") for reason, since in consent.held_suppressions()]
        if not any(fulfils(each, selection.suppression) for each in held):
            return False
    if selection.list_suppression is not None:
        return any(fulfils(each, selection.list_suppression) for each in held_by_list(consent))
    return True


def held_by_list(consent: Consent) -> list[tuple[int, str, str]]:
    """The suppressions of single lists that hold: since when, why, and of which list."""
    return [(each.since, "UNSUBSCRIBE", id) for id, each in consent.list_suppressions.items() if each.holds]


def fulfils(suppression: tuple[int, str, str], asked: SuppressionConditions) -> bool:
    since, reason, list_id = suppression
    return (
        within(since, asked.since)
        and (asked.reasons is None or asked.reasons == {reason})
        and (asked.list_ids is None or asked.list_ids == {list_id})
    )


def within(value: int, bounds: Bounds) -> bool:
    return (bounds.least is None or bounds.least <= value) and (bounds.most is None or value <= bounds.most)
