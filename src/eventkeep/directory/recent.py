"""A bounded memory of what was asked for last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most ``entries_max`` entries; what was not asked for lately goes first.

    Where ``bytes_of`` tells the size of a value, all together also have at most
    ``bytes_max`` bytes, and one value more.

    Two generations instead of an order of use: entries enter the young one; when it
    is half of the whole, it becomes the old one and the former old one is dropped. An
    entry that is asked for in time moves back to the young one. A hit then costs one
    dictionary look-up, which is what the hot path pays for every event.

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
        """The value, which then counts as lately used; None where there is none."""
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self._enter(key, found)
        return found

    def get_all(self, keys: Sequence[Key]) -> list[Value] | None:
        """What ``get`` says of each key; None where it says so of one."""
        found = list(map(self._young.get, keys))
        if None in found:
            found = [self.get(key) if value is None else value for key, value in zip(keys, found, strict=True)]
        return None if None in found else found  # type: ignore[return-value]  # as was looked

    def peek(self, key: Key) -> Value | None:
        """The value, from any thread; it does not count as a use."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def put(self, entries: Iterable[tuple[Key, Value]]) -> None:
        """Remember the entries in place of what was there under their keys."""
        for key, value in entries:
            self._old.pop(key, None)
            self._enter(key, value)

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget the keys, as far as they are there."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def _enter(self, key: Key, value: Value) -> None:
        if len(self._young) >= self._generation_entries_max:
            self._age()
        self._young[key] = value
        if self._bytes_of is not None:
            # What leaves the young generation by itself still counts: the bound is on the safe side.
            self._young_bytes += self._bytes_of(value)
            if self._young_bytes > self._generation_bytes_max:
                self._age()

    def _age(self) -> None:
        self._old, self._young, self._young_bytes = self._young, {}, 0
