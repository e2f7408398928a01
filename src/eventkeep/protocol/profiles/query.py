"""The query of get_profiles: a selection, and the place at which its page begins."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FAULTS_MAX
from eventkeep.model.profile import Profile
from eventkeep.model.profile_selection import ProfilePlace, ProfileSelection, SortValue
from eventkeep.protocol.cursors import invalid_cursor, parse_place, print_place
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.profiles.conditions import selection_of
from eventkeep.protocol.queries import Query, read_query
from eventkeep.protocol.revisions import Revision

_encode = msgspec.msgpack.Encoder().encode


class _Place(msgspec.Struct, array_like=True):
    """A place as a cursor carries it."""

    backward: bool
    value: SortValue
    number: int


_decode = msgspec.msgpack.Decoder(_Place).decode


class ProfilesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query of get_profiles: ``selection`` finds one profile more than the page has, to tell whether more follow.

    The cursors of its pages are bound to ``question``.
    """

    query: Query
    selection: ProfileSelection
    question: bytes


class ProfilesPage(msgspec.Struct, frozen=True):
    """Profiles in the order that was asked for; the cursors are None if there is no such page."""

    profiles: Sequence[Profile]
    next_cursor: str | None = None
    prev_cursor: str | None = None


def parse_profiles_query(
    query_string: bytes, operation: Operation, revision: Revision, account: int, secret: bytes
) -> ProfilesQuery:
    """Parse the query string. ``secret`` is the key of the cursors.

    Raises InvalidRequest with every fault, up to FAULTS_MAX, each naming its parameter.
    """
    query, faults = read_query(query_string, operation, revision)
    if faults:
        raise InvalidRequest(faults[:FAULTS_MAX])
    filtered = "" if query.filter is None else str(query.filter)
    question = f"{operation.name}\n{query.sort or ''}\n{filtered}".encode("utf-8", "surrogatepass")
    selection = selection_of(account, query.conditions, query.sort, query.page_size + 1)
    if query.cursor is not None:
        place = parsed(parse_place(query.cursor, question, secret))
        after = ProfilePlace(place.value, place.number)
        selection = msgspec.structs.replace(selection, after=after, is_backward=place.backward)
    return ProfilesQuery(query=query, selection=selection, question=question)


def profiles_page(asked: ProfilesQuery, found: Sequence[tuple[Profile, SortValue]], secret: bytes) -> ProfilesPage:
    """The page of the profiles that were found, up to ``selection.count``, in the order in which they are walked to.

    Each comes with its value in that order.
    """
    size, backward = asked.query.page_size, asked.selection.is_backward
    shown = list(found[:size])
    if not shown:
        return ProfilesPage([])
    has_next, has_prev = len(found) > size, asked.selection.after is not None
    if backward:
        shown.reverse()
        has_next, has_prev = has_prev, has_next
    return ProfilesPage(
        [profile for profile, _ in shown],
        next_cursor=cursor(asked, shown[-1], secret, backward=False) if has_next else None,
        prev_cursor=cursor(asked, shown[0], secret, backward=True) if has_prev else None,
    )


def cursor(asked: ProfilesQuery, shown: tuple[Profile, SortValue], secret: bytes, *, backward: bool) -> str:
    """The cursor of the page behind, or before, a profile."""
    profile, value = shown
    return print_place(_encode(_Place(backward, value, profile.number)), asked.question, secret)


def parsed(place: bytes) -> _Place:
    try:
        return _decode(place)
    except msgspec.MsgspecError as exc:
        raise invalid_cursor() from exc
