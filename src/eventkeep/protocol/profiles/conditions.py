"""The meaning of filters and sorts of get_profiles."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.profile_selection import Bounds, ProfileSelection, SortKey, SuppressionConditions
from eventkeep.protocol.filters import Condition
from eventkeep.protocol.profiles.operations import (
    LIST_SUPPRESSION_LIST,
    LIST_SUPPRESSION_REASON,
    LIST_SUPPRESSION_TIME,
    SUPPRESSION_REASON,
    SUPPRESSION_TIME,
)

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)

SORT_KEYS: Final[dict[str, SortKey]] = {
    "id": "number",
    "created": "number",
    "updated": "updated",
    "email": "email",
    SUPPRESSION_TIME: "suppressed",
    LIST_SUPPRESSION_TIME: "list_suppressed",
}
"""Numbers, ids and times of creation have one order."""

_NORMAL_FORMS: Final[dict[str, Callable[[str], str | None]]] = {
    "email": normal_email,
    "phone_number": normal_phone_number,
}


def selection_of(account: int, conditions: Sequence[Condition], sort: str | None, count: int) -> ProfileSelection:
    """The profiles that conditions without faults choose, at most ``count`` of them, from the first on."""
    sort = sort or "created"
    named: dict[str, frozenset[str]] = {}
    times: dict[str, Bounds] = {}
    texts: dict[str, set[str]] = {}
    for condition in conditions:
        if isinstance(condition.value, datetime.datetime):
            bounds = bounds_of(condition.operator, condition.value)
            times[condition.field] = times.get(condition.field, Bounds()).narrowed(bounds)
        elif condition.field in (SUPPRESSION_REASON, LIST_SUPPRESSION_REASON, LIST_SUPPRESSION_LIST):
            texts.setdefault(condition.field, set()).update(values_of(condition))
        else:
            kind = "kx" if condition.field == "_kx" else condition.field
            wanted = frozenset(normal_values(kind, values_of(condition)))
            named[kind] = named[kind] & wanted if kind in named else wanted
    return ProfileSelection(
        account=account,
        count=count,
        sort=SORT_KEYS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        named=named,
        created=times.get("created", Bounds()),
        updated=times.get("updated", Bounds()),
        suppression=suppression_conditions(times, texts, SUPPRESSION_TIME, SUPPRESSION_REASON),
        list_suppression=suppression_conditions(
            times, texts, LIST_SUPPRESSION_TIME, LIST_SUPPRESSION_REASON, LIST_SUPPRESSION_LIST
        ),
    )


def suppression_conditions(
    times: dict[str, Bounds], texts: dict[str, set[str]], time: str, reason: str, list_id: str | None = None
) -> SuppressionConditions | None:
    """The conditions on one suppression of a profile; None if there are none."""
    lists = texts.get(list_id) if list_id is not None else None
    if time not in times and reason not in texts and lists is None:
        return None
    return SuppressionConditions(
        since=times.get(time, Bounds()),
        reasons=frozenset(texts[reason]) if reason in texts else None,
        list_ids=frozenset(lists) if lists is not None else None,
    )


def values_of(condition: Condition) -> tuple[str, ...]:
    """The texts that a condition names."""
    value = condition.value
    return tuple(str(each) for each in value) if isinstance(value, tuple) else (str(value),)


def normal_values(kind: str, values: Iterable[str]) -> list[str]:
    """The values in normal form; a value that can be no identifier of the kind finds no profile."""
    normal = _NORMAL_FORMS.get(kind)
    if normal is None:
        return list(values)
    return [form for value in values if (form := normal(value)) is not None]


def bounds_of(operator: str, moment: datetime.datetime) -> Bounds:
    """The Unix microseconds that ``operator`` and ``moment`` let through."""
    microseconds = (moment - _EPOCH) // _MICROSECOND
    match operator:
        case "greater-than":
            return Bounds(microseconds + 1, None)
        case "greater-or-equal":
            return Bounds(microseconds, None)
        case "less-than":
            return Bounds(None, microseconds - 1)
    return Bounds(None, microseconds)
