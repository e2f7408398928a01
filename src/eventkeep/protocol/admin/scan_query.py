"""The query string of a scan: which events, in which order, behind which one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX, FAULTS_MAX
from eventkeep.model.event import parse_public_id
from eventkeep.protocol.admin.queries import AdminQuery, parsed
from eventkeep.protocol.conditions import condition_faults
from eventkeep.protocol.filters import parse_filter
from eventkeep.protocol.reads.conditions import EventBounds, event_bounds, future_faults
from eventkeep.protocol.revisions import Revision

_SORTS: Final = ("datetime", "-datetime")


class ScanQuery(AdminQuery, frozen=True, kw_only=True):
    """``after`` is the (time, id) of the event behind which the scan begins; ``has_ids`` adds the server's columns."""

    bounds: EventBounds = EventBounds()
    descending: bool = False
    after: tuple[int, int] | None = None
    has_ids: bool = False


def parse_scan_query(query_string: bytes, revision: Revision, now: float) -> ScanQuery:
    """The query of a scan at ``now``, in Unix seconds.

    The filter is that of get_events in the revision. Raises InvalidRequest with every fault, each naming its parameter.
    """

    def bounds(text: str) -> EventBounds:
        filtered = parse_filter(text)
        faults = condition_faults(filtered, revision.filters) or future_faults(filtered.conditions, now)
        if faults:
            raise InvalidRequest(faults[:FAULTS_MAX])
        return event_bounds(filtered.conditions)

    readers: dict[str, Callable[[str], Any]] = {"filter": bounds, "sort": _is_descending, "after": _after, "ids": _flag}
    pairs, values = parsed(query_string, readers)
    return ScanQuery(
        parameters=pairs,
        bounds=values.get("filter", EventBounds()),
        descending=values.get("sort", False),
        after=values.get("after"),
        has_ids=values.get("ids", False),
    )


def _is_descending(text: str) -> bool:
    if text not in _SORTS:
        raise ValueError(" or ".join(_SORTS))
    return text.startswith("-")


def _after(text: str) -> tuple[int, int]:
    found = parse_public_id(text)
    if found is None:
        shown = text[:ECHO_CHARACTERS_MAX]
        raise InvalidRequest([Fault(f"Expected the id of an event, got {shown!r}.", parameter="after")])
    return found


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"
