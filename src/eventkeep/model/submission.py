"""What one create request asks to keep: profile writes, and its events as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class ProfileWrite(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """What a request says of one profile, with its identifiers in normal form.

    ``attributes`` holds the plain attributes that were given (``first_name``,
    ``last_name``, ``organization``, ``locale``, ``title``, ``image``); None
    clears. ``location`` holds its given members likewise, or is None when the
    whole location was not given. ``append``, ``unappend`` and ``unset`` are the
    patch operations on ``properties``, applied after them in that order.
    ``ignored`` names identifiers that were given and can't be used
    (``phone_number``).
    """

    id: str | None = None
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    anonymous_id: str | None = None
    kx: str | None = None
    attributes: dict[str, str | None] = {}
    location: dict[str, Any] | None = None
    clears_location: bool = False
    properties: dict[str, Any] | None = None
    append: dict[str, Any] | None = None
    unappend: dict[str, Any] | None = None
    unset: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    sole: tuple[str, str] | None = None
    """What ``sole_identifier`` says, put here by who made the write and hands it out often."""

    def only_identifies(self) -> bool:
        """Whether the write names a profile and changes nothing but identifiers."""
        return not (
            self.attributes
            or self.location
            or self.clears_location
            or self.properties
            or self.append
            or self.unappend
            or self.unset
        )

    def sole_identifier(self) -> tuple[str, str] | None:
        """The kind and value of the one identifier given, where the write says nothing else; else None."""
        if not self.only_identifies() or self.id is not None or self.kx is not None or self.anonymous_id is not None:
            return None
        email, external_id, phone_number = self.email, self.external_id, self.phone_number
        if email is not None:
            return None if external_id is not None or phone_number is not None else ("email", email)
        if external_id is not None:
            return None if phone_number is not None else ("external_id", external_id)
        return None if phone_number is None else ("phone_number", phone_number)


class Submission(msgspec.Struct, kw_only=True, gc=False):
    """One request's profile writes and events; the event columns are equally long.

    ``pointers`` says where each profile stands in the request, and may be longer.
    ``profile_index`` points into ``profiles``, ``metric_index`` into ``metrics``, which
    holds each (name, service) once; ``time`` is in Unix seconds; ``unique_id`` is filled
    in already (the second as text where none was sent); ``value`` None where none was
    sent; ``currency`` "" likewise; ``properties`` holds the raw JSON objects as they were
    sent, one after the other, and ``property_bytes`` the size of each.
    """

    profiles: list[ProfileWrite]
    pointers: Sequence[str]
    profile_index: list[int]
    metrics: list[tuple[str, str]]
    metric_index: list[int]
    time: list[int]
    unique_id: list[str]
    value: list[float | None]
    currency: list[str]
    properties: bytes
    property_bytes: list[int]
    body_bytes: int

    def __len__(self) -> int:
        return len(self.time)
