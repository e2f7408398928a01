"""Orders, refunds and cancellations of an account's customers, read from the event store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.directory import Directory
from eventkeep.events.look_back import PastEvents, PastRange
from eventkeep.events.store import EventStore
from eventkeep.model.account_settings import read_settings
from eventkeep.model.event import decode_properties
from eventkeep.model.prediction_settings import SETTING, PredictionSettings
from eventkeep.model.predictions.orders import Orders, without_returned
from eventkeep.server.survivors import Survivors

TIME_MAX: Final = 2**32 - 1
ORDER_NAMES: Final = ("OrderId", "order_id", "Order Number")
"""Properties in which an order and its refund have the same name: the first of them that is there, or the unique id."""


class OrderMetrics(msgspec.Struct, frozen=True):
    """The numbers of an account's metrics of orders, and of refunds and cancellations."""

    orders: frozenset[int]
    returns: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        return self.orders | self.returns


class AccountOrders:
    """Reads orders. Those of merged profiles are the surviving ones'."""

    def __init__(self, directory: Directory, events: EventStore) -> None:
        self._directory, self._events = directory, events

    def metrics(self, account: int) -> OrderMetrics:
        """The metrics as the account's settings name them; of every service."""
        settings = read_settings(self._directory.account_settings.get(account, SETTING), PredictionSettings)
        named = self._directory.metrics.named(account, (settings.orders, *settings.returns))
        orders = frozenset(metric.number for metric in named if metric.name == settings.orders)
        return OrderMetrics(orders, frozenset(metric.number for metric in named) - orders)

    def of_profiles(self, account: int, profiles: Collection[int], metrics: OrderMetrics) -> tuple[Orders, Orders]:
        """All orders of some profiles, and all of their refunds and cancellations."""
        merged = self._directory.profiles.merged_into(account, profiles)
        numbers = frozenset([*profiles, *(number for each in merged.values() for number in each)])
        with self._events.looking_back(account, [PastRange(0, TIME_MAX, numbers)], metrics.all) as past:
            return orders_in(past, Survivors.into(merged), metrics)

    def of_account(self, account: int, metrics: OrderMetrics) -> Orders:
        """All orders, less refunds and cancellations."""
        survivors = Survivors(self._directory.profiles.merges(account))
        chunks = list(self._events.arrays(account, metrics.all))
        if not chunks:
            return Orders.of([], [], [])
        columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        customers = survivors.of(columns["profile"])
        is_return = np.isin(columns["metric"], sorted(metrics.returns))
        # Few customers return anything: only their orders have to be told apart by name.
        returning = np.unique(customers[is_return])
        plain = ~is_return & ~np.isin(customers, returning)
        orders = Orders.of(customers[plain], columns["time"][plain], columns["value"][plain])
        if not len(returning):
            return orders
        left = without_returned(*self.of_profiles(account, returning.tolist(), metrics))
        return Orders(
            np.concatenate([orders.customer, left.customer]),
            np.concatenate([orders.time, left.time]),
            np.concatenate([orders.value, left.value]),
            np.concatenate([orders.key, left.key]),
        )


def orders_in(past: PastEvents, survivors: Survivors, metrics: OrderMetrics) -> tuple[Orders, Orders]:
    """The orders among events, and the refunds and cancellations; they have names only if there are any of these."""
    columns = past.columns
    is_return = np.isin(columns["metric"], sorted(metrics.returns))
    keys = np.zeros(len(past), dtype=np.uint64)
    if is_return.any():
        keys = names_of(past.documents(range(len(past))))
    found = Orders.of(survivors.of(columns["profile"]), columns["time"], columns["value"], keys)
    return found.take(~is_return), found.take(is_return)


def names_of(documents: Sequence[tuple[bytes, bytes]]) -> npt.NDArray[np.uint64]:
    """A hash of the name of each order, given its unique id and its properties."""
    return np.array(
        [hash_of(unique_id, decode_properties(properties)) for unique_id, properties in documents], np.uint64
    )


def hash_of(unique_id: bytes, properties: Mapping[str, Any]) -> int:
    """Never 0, which means that there is no name."""
    named = next((str(properties[name]) for name in ORDER_NAMES if properties.get(name)), unique_id.decode())
    return int.from_bytes(hashlib.blake2b(named.encode(), digest_size=8).digest()) or 1
