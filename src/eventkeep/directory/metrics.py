"""Metrics: made when an event first names them, then found in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import count as counted_from
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select, tuple_

from eventkeep.cache import Cache
from eventkeep.clock import Randomness
from eventkeep.directory.base62 import ALPHABET, random_text
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.database import Database, ListQuery
from eventkeep.directory.pending import MetricName, Pending
from eventkeep.directory.schema import NUMBER_MASK, key_of, metric, number_of
from eventkeep.limits import METRIC_CACHE_ENTRIES_MAX, METRICS_PER_ACCOUNT_MAX
from eventkeep.model.metric import Metric

ID_CHARACTERS: Final = 6
NAMES_PER_QUERY: Final = 200
METRICS_READ_AT_OPEN: Final = 10_000
NAMED_MAX: Final = 1_000
"""Look-ups of metrics by several names that are kept in memory, until a metric is made or changed."""


class ResolvedMetrics(msgspec.Struct):
    """``refused`` holds the names that would exceed the maximum of their account; no metrics were made for them."""

    found: dict[MetricName, Metric]
    refused: frozenset[MetricName]


class Metrics:
    """The metrics of one directory.

    ``resolve``, ``mark_has_value``, ``remember`` and ``forget`` belong to the one thread that commits; the rest may be
    called from any. A Metric that was handed out is never changed: a new one takes its place.
    """

    def __init__(self, database: Database, randomness: Randomness) -> None:
        self._database, self._randomness = database, randomness
        self._by_name: Cache[MetricName, Metric] = Cache(METRIC_CACHE_ENTRIES_MAX)
        self._by_number: Cache[int, Metric] = Cache(METRIC_CACHE_ENTRIES_MAX)
        self._next_numbers: dict[int, Callable[[], int]] = {}
        self._named_query = ListQuery(named_query, database.dialect)
        self._named: dict[tuple[int, tuple[str, ...]], tuple[int, list[Metric]]] = {}
        self._changes = 0
        with database.reading() as connection:
            rows = connection.execute(select(metric).order_by(metric.c.updated.desc()).limit(METRICS_READ_AT_OPEN))
            self._remember(metric_of(row) for row in rows)

    def remembered(self, account: int, name: str, service: str) -> Metric | None:
        """The metric, or None if it is not in memory."""
        return self._by_name.get((account, name, service))

    def resolve(self, names: Iterable[MetricName], now_us: int, pending: Pending) -> ResolvedMetrics:
        """The metric of every name, made now if there is none; those that are made are noted in ``pending``.

        If an account would get more than ``METRICS_PER_ACCOUNT_MAX``, the names that come last in ``names`` are
        refused.
        """
        found: dict[MetricName, Metric] = {}
        missing: list[MetricName] = []
        for name in dict.fromkeys(names):
            if (known := pending.metric(name)) is not None or (known := self._by_name.get(name)) is not None:
                found[name] = known
            else:
                missing.append(name)
        if not missing:
            return ResolvedMetrics(found, frozenset())
        refused: set[MetricName] = set()
        room: dict[int, int] = {}
        with self._database.reading() as connection:
            stored = {name_of(each): each for each in self._stored(missing, connection)}
            self._remember(stored.values())
            for name in missing:
                if name not in stored:
                    account = name[0]
                    if account not in room:
                        room[account] = METRICS_PER_ACCOUNT_MAX - self._count_with(account, pending, connection)
                    room[account] -= 1
                    if room[account] < 0:
                        refused.add(name)
                        continue
                    stored[name] = pending.metrics[name] = self._make(name, now_us, pending, connection)
                found[name] = stored[name]
        return ResolvedMetrics(found, frozenset(refused))

    def mark_has_value(self, metrics: Iterable[Metric], now_us: int, pending: Pending) -> None:
        """Note in ``pending`` that events of these metrics came with a value."""
        for each in metrics:
            current = pending.metric(name_of(each)) or each
            if not current.has_value:
                pending.metrics[name_of(each)] = msgspec.structs.replace(current, has_value=True, updated=now_us)

    def remember(self, pending: Pending) -> None:
        """Keep the applied metrics in memory."""
        self._remember(pending.metrics.values())

    def forget(self, change: Change) -> None:
        """Drop the metrics that an applied change makes stale from memory."""
        self._changes += 1
        for row in change.rows:
            known = self._by_number.get(key_of(change.account, row[0]))
            if known is not None:
                self._by_name.drop([name_of(known)])
                self._by_number.drop([key_of(change.account, row[0])])

    def forget_numbers(self) -> None:
        """Look up again which numbers are free: another node may have used some."""
        self._next_numbers.clear()

    def by_numbers(self, account: int, numbers: Iterable[int]) -> dict[int, Metric]:
        """The account's metrics of these numbers; those of others are left out."""
        found: dict[int, Metric] = {}
        missing: list[int] = []
        for number in set(numbers):
            if (known := self._by_number.peek(key_of(account, number))) is None:
                missing.append(key_of(account, number))
            else:
                found[number] = known
        if missing:
            with self._database.reading() as connection:
                for part in cut(missing):
                    query = select(metric).where(metric.c.key.in_(part))
                    found.update((number_of(row.key), metric_of(row)) for row in connection.execute(query))
        return found

    def find_id(self, account: int, metric_id: str) -> Metric | None:
        """The account's metric of that id, or None."""
        query = select(metric).where(metric.c.account == account, metric.c.id == metric_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else metric_of(row)

    def named(self, account: int, names: tuple[str, ...]) -> list[Metric]:
        """The account's metrics with any of these names, of every service."""
        changes, key = self._changes, (account, names)
        known = self._named.get(key)
        if known is None or known[0] != changes:
            with self._database.reading() as connection:
                found = [metric_of(row) for row in self._named_query.rows(connection, (account,), names)]
            if len(self._named) >= NAMED_MAX:
                self._named.clear()
            # Metrics that were read before a change was applied may be the old ones: its count says so.
            known = self._named[key] = (changes, found)
        return known[1]

    def list(self, account: int, after_number: int = 0, count: int = 200, name: str | None = None) -> list[Metric]:
        """The ``count`` oldest metrics of the account above ``after_number``, of that name if one is given."""
        query = select(metric).where(
            metric.c.key.between(key_of(account, after_number) + 1, key_of(account, NUMBER_MASK))
        )
        if name is not None:
            query = query.where(metric.c.name == name)
        with self._database.reading() as connection:
            return [metric_of(row) for row in connection.execute(query.order_by(metric.c.key).limit(count))]

    def numbers(self, account: int) -> npt.NDArray[np.uint32]:
        """The numbers of all metrics of the account."""
        query = select(metric.c.key).where(metric.c.account == account)
        with self._database.reading() as connection:
            return np.array([number_of(key) for key in connection.execute(query).scalars()], dtype=np.uint32)

    def count(self, account: int) -> int:
        """How many metrics the account has."""
        with self._database.reading() as connection:
            return self._count(account, connection)

    def _stored(self, names: Sequence[MetricName], connection: Connection) -> Sequence[Metric]:
        return [
            metric_of(row) for part in cut(names) for row in connection.execute(select(metric).where(is_one_of(part)))
        ]

    def _count(self, account: int, connection: Connection) -> int:
        query = select(func.count()).select_from(metric).where(metric.c.account == account)
        return int(connection.execute(query).scalar_one())

    def _count_with(self, account: int, pending: Pending, connection: Connection) -> int:
        """How many metrics the account has once ``pending`` is applied."""
        made = [key_of(account, each.number) for each in pending.new_metrics(account)]
        kept = 0
        for part in cut(made):
            query = select(func.count()).select_from(metric).where(metric.c.key.in_(part))
            kept += int(connection.execute(query).scalar_one())
        return self._count(account, connection) + len(made) - kept

    def _make(self, name: MetricName, now_us: int, pending: Pending, connection: Connection) -> Metric:
        account, title, service = name
        if account not in self._next_numbers:
            query = select(func.max(metric.c.key)).where(metric.c.account == account)
            self._next_numbers[account] = counted_from(number_of(connection.execute(query).scalar() or 0) + 1).__next__
        return Metric(
            number=self._next_numbers[account](),
            id=self._free_id(name, pending, connection),
            account=account,
            name=title,
            service=service,
            integration_id=integration_id(service),
            has_value=False,
            created=now_us,
            updated=now_us,
        )

    def _free_id(self, name: MetricName, pending: Pending, connection: Connection) -> str:
        account, randomness = name[0], self._randomness.of("metrics", *name)
        taken = {each.id for each in pending.new_metrics(account)}
        while True:
            made = random_text(ID_CHARACTERS, randomness)
            query = select(metric.c.key).where(metric.c.account == account, metric.c.id == made)
            if made not in taken and connection.execute(query).one_or_none() is None:
                return made

    def _remember(self, metrics: Iterable[Metric]) -> None:
        for each in metrics:
            self._by_name.put([(name_of(each), each)])
            self._by_number.put([(key_of(each.account, each.number), each)])


def metric_changes(pending: Pending) -> list[Change]:
    """The metrics that a commit makes or changes, as changes."""
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for each in sorted(pending.metrics.values(), key=lambda each: (each.account, each.number)):
        rows.setdefault(each.account, []).append(
            (
                *(each.number, each.id, each.name, each.service, each.integration_id),
                *(each.has_value, each.created, each.updated),
            )
        )
    return [Change(Table.METRIC, Operation.PUT, account, part) for account, part in rows.items()]


def name_of(each: Metric) -> MetricName:
    return each.account, each.name, each.service


def is_one_of(names: Sequence[MetricName]) -> ColumnElement[bool]:
    return tuple_(metric.c.account, metric.c.name, metric.c.service).in_(names)


def cut(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """The values in pieces that fit into one query."""
    return (values[start : start + NAMES_PER_QUERY] for start in range(0, len(values), NAMES_PER_QUERY))


def named_query(names: list[BindParameter[Any]]) -> Any:
    return select(metric).where(metric.c.account == bindparam("account"), metric.c.name.in_(names))


def metric_of(row: Any) -> Metric:
    return Metric(
        number=number_of(row.key),
        id=row.id,
        account=row.account,
        name=row.name,
        service=row.service,
        integration_id=row.integration_id,
        has_value=bool(row.has_value),
        created=row.created,
        updated=row.updated,
    )


def integration_id(service: str) -> str:
    """The id of the integration that a service name stands for: always the same 6 letters and digits."""
    number = int.from_bytes(hashlib.sha256(service.encode()).digest())
    characters = ""
    for _ in range(ID_CHARACTERS):
        number, place = divmod(number, len(ALPHABET))
        characters += ALPHABET[place]
    return characters
