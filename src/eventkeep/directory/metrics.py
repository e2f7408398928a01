"""Metrics: made when an event first names them, then found in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, tuple_, update

from eventkeep.clock import Randomness
from eventkeep.directory.base62 import ALPHABET, random_text
from eventkeep.directory.database import Database, Transaction, inserted_number
from eventkeep.directory.recent import Recent
from eventkeep.directory.schema import metric
from eventkeep.limits import METRIC_CACHE_ENTRIES_MAX, METRICS_PER_ACCOUNT_MAX
from eventkeep.model.metric import Metric

MetricName = tuple[int, str, str]
"""What makes a metric: account, name, service."""

ID_CHARACTERS: Final = 6
NAMES_PER_QUERY: Final = 200
METRICS_READ_AT_OPEN: Final = 10_000


class ResolvedMetrics(msgspec.Struct):
    """``refused`` holds what would be one metric too many for its account; nothing was made for it."""

    found: dict[MetricName, Metric]
    refused: frozenset[MetricName]


class Metrics:
    """The metrics of one directory.

    ``resolve`` and ``mark_has_value`` belong to the one thread that commits; the rest
    may be called from any. A Metric that was handed out is never changed: a new one
    takes its place.
    """

    def __init__(self, database: Database, randomness: Randomness) -> None:
        self._database, self._randomness = database, randomness
        self._by_name: Recent[MetricName, Metric] = Recent(METRIC_CACHE_ENTRIES_MAX)
        self._by_number: Recent[int, Metric] = Recent(METRIC_CACHE_ENTRIES_MAX)
        with database.reading() as connection:
            rows = connection.execute(select(metric).order_by(metric.c.number.desc()).limit(METRICS_READ_AT_OPEN))
            self._remember(metric_of(row) for row in rows)

    def remembered(self, account: int, name: str, service: str) -> Metric | None:
        """The metric, where memory alone can tell that it exists."""
        return self._by_name.get((account, name, service))

    def resolve(self, names: Iterable[MetricName], now_us: int, transaction: Transaction) -> ResolvedMetrics:
        """The metric of every name, made now where there was none.

        Where an account would get more than ``METRICS_PER_ACCOUNT_MAX``, the names that
        come last in ``names`` are refused.
        """
        found: dict[MetricName, Metric] = {}
        missing: list[MetricName] = []
        for name in dict.fromkeys(names):
            if (known := self._by_name.get(name)) is not None:
                found[name] = known
            else:
                missing.append(name)
        if not missing:
            return ResolvedMetrics(found, frozenset())
        stored = {name_of(each): each for each in self._stored(missing, transaction.connection)}
        refused: set[MetricName] = set()
        room: dict[int, int] = {}
        for name in missing:
            if name not in stored:
                account = name[0]
                if account not in room:
                    room[account] = METRICS_PER_ACCOUNT_MAX - self._count(account, transaction.connection)
                room[account] -= 1
                if room[account] < 0:
                    refused.add(name)
                    continue
                stored[name] = self._make(name, now_us, transaction)
            found[name] = stored[name]
        transaction.after_commit(lambda: self._remember(stored.values()))
        return ResolvedMetrics(found, frozenset(refused))

    def mark_has_value(self, metrics: Iterable[Metric], now_us: int, transaction: Transaction) -> None:
        """Note that events of these metrics came with a value; those that had one stay as they are."""
        fresh = {each.number: each for each in metrics if not each.has_value}
        if not fresh:
            return
        marked = [msgspec.structs.replace(each, has_value=True, updated=now_us) for each in fresh.values()]
        transaction.changed = True
        for numbers in cut(list(fresh)):
            transaction.connection.execute(
                update(metric)
                .where(metric.c.number.in_(numbers), metric.c.has_value.is_(False))
                .values(has_value=True, updated=now_us)
            )
        self._by_name.drop(name_of(each) for each in marked)
        self._by_number.drop(fresh)
        transaction.after_commit(lambda: self._remember(marked))

    def by_numbers(self, account: int, numbers: Iterable[int]) -> dict[int, Metric]:
        """The account's metrics of these numbers; those of others are left out."""
        found: dict[int, Metric] = {}
        missing: list[int] = []
        for number in set(numbers):
            if (known := self._by_number.peek(number)) is None:
                missing.append(number)
            elif known.account == account:
                found[number] = known
        if missing:
            with self._database.reading() as connection:
                for part in cut(missing):
                    query = select(metric).where(metric.c.account == account, metric.c.number.in_(part))
                    found.update((row.number, metric_of(row)) for row in connection.execute(query))
        return found

    def find_id(self, account: int, metric_id: str) -> Metric | None:
        """The account's metric of that id, or None."""
        query = select(metric).where(metric.c.account == account, metric.c.id == metric_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else metric_of(row)

    def list(self, account: int, after_number: int = 0, count: int = 200, name: str | None = None) -> list[Metric]:
        """The ``count`` oldest metrics of the account, of that name where one is given, above ``after_number``."""
        query = select(metric).where(metric.c.account == account, metric.c.number > after_number)
        if name is not None:
            query = query.where(metric.c.name == name)
        with self._database.reading() as connection:
            return [metric_of(row) for row in connection.execute(query.order_by(metric.c.number).limit(count))]

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

    def _make(self, name: MetricName, now_us: int, transaction: Transaction) -> Metric:
        account, title, service = name
        values: dict[str, Any] = {
            "id": self._free_id(account, transaction.connection),
            "account": account,
            "name": title,
            "service": service,
            "integration_id": integration_id(service),
            "has_value": False,
            "created": now_us,
            "updated": now_us,
        }
        transaction.changed = True
        result = transaction.connection.execute(insert(metric).values(values))
        return Metric(number=inserted_number(result), **values)

    def _free_id(self, account: int, connection: Connection) -> str:
        while True:
            made = random_text(ID_CHARACTERS, self._randomness)
            query = select(metric.c.number).where(metric.c.account == account, metric.c.id == made)
            if connection.execute(query).one_or_none() is None:
                return made

    def _remember(self, metrics: Iterable[Metric]) -> None:
        for each in metrics:
            self._by_name.put([(name_of(each), each)])
            self._by_number.put([(each.number, each)])


def name_of(each: Metric) -> MetricName:
    return each.account, each.name, each.service


def is_one_of(names: Sequence[MetricName]) -> ColumnElement[bool]:
    return tuple_(metric.c.account, metric.c.name, metric.c.service).in_(names)


def cut(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """The values in pieces that fit into one query."""
    return (values[start : start + NAMES_PER_QUERY] for start in range(0, len(values), NAMES_PER_QUERY))


def metric_of(row: Row[Any]) -> Metric:
    return Metric(
        number=row.number,
        id=row.id,
        account=row.account,
        name=row.name,
        service=row.service,
        integration_id=row.integration_id,
        has_value=row.has_value,
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
