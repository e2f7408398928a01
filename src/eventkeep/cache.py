"""A bounded cache of the most recently used values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Holds at most ``entries_max`` entries; those that were not used for the longest time go first.

    If ``bytes_of`` tells the size of a value, all values together also have at most ``bytes_max`` bytes, and those of
    one value more.

    It has two generations instead of an order of use: entries enter the young one; when it holds half of the maximum,
    it becomes the old one, and the former old one is dropped. An entry that is used in time moves back to the young
    one. So a hit costs one dictionary look-up, which the hot path pays for every event.

    One thread changes it with ``get``, ``put`` and ``drop``; any thread may ``peek``.
    """

    def __init__(self, entries_max: int, bytes_max: int = 0, bytes_of: Callable[[Value], int] | None = None) -> None:
        self._generation_entries_max = max(1, entries_max // 2)
        self._generation_bytes_max, self._bytes_of = bytes_max // 2, bytes_of
        self._young_bytes = 0
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """The value, which counts as used; None if there is none."""
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self._enter(key, found)
        return found

    def get_all(self, keys: Sequence[Key]) -> list[Value | None]:
        """The result of `get` for each key. Quicker for many, most of which are there."""
        found = list(map(self._young.get, keys))
        if None in found and not self._old.keys().isdisjoint(keys):
            # One that was old is entered, and may then be asked for again.
            return [self.get(key) if value is None else value for key, value in zip(keys, found, strict=True)]
        return found

    def peek(self, key: Key) -> Value | None:
        """The value, from any thread; it does not count as used."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def put(self, entries: Iterable[tuple[Key, Value]]) -> None:
        """Add entries, or replace those with the same keys."""
        if self._bytes_of is not None:
            for key, value in entries:
                self._enter(key, value)
            return
        waiting = list(entries)
        start = 0
        while start < len(waiting):
            if len(self._young) >= self._generation_entries_max:
                self._age()
            end = start + self._generation_entries_max - len(self._young)
            self._young.update(waiting[start:end])
            start = end

    def drop(self, keys: Iterable[Key]) -> None:
        """Remove the keys that are there."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def _enter(self, key: Key, value: Value) -> None:
        if len(self._young) >= self._generation_entries_max:
            self._age()
        self._young[key] = value
        if self._bytes_of is not None:
            # A value that was replaced still counts: the bound is on the safe side.
            self._young_bytes += self._bytes_of(value)
            if self._young_bytes > self._generation_bytes_max:
                self._age()

    def _age(self) -> None:
        self._old, self._young, self._young_bytes = self._young, {}, 0
