"""What one create request asks to keep: profile writes, and its events as columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from eventkeep.model.consent import Consent

NUMBER_TYPE: Final = "<u4"
"""The numbers of a submission's columns, as numpy calls them; times are in Unix seconds, sizes in bytes."""
VALUE_TYPE: Final = "<f8"
FLAG_TYPE: Final = "?"
HASH_TYPE: Final = ">u8"
"""Each of the two halves of a hash."""


class ProfileWrite(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """What a request says of one profile, with its identifiers in normal form.

    ``attributes`` holds the plain attributes that were given (``first_name``,
    ``last_name``, ``organization``, ``locale``, ``title``, ``image``); None
    clears. ``location`` holds its given members likewise, or is None when the
    whole location was not given. ``append``, ``unappend`` and ``unset`` are the
    patch operations on ``properties``, applied after them in that order.
    ``added_emails`` and ``removed_emails`` are the patch operations on the secondary
    email addresses. ``consent`` is a statement about consent. A write that
    ``keeps_identifiers`` adds none to a profile that exists. ``ignored`` names
    identifiers that were given and can't be used (``phone_number``).
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
    added_emails: tuple[str, ...] = ()
    removed_emails: tuple[str, ...] = ()
    consent: Consent | None = None
    keeps_identifiers: bool = False
    ignored: tuple[str, ...] = ()
    only_identifier: tuple[str, str] | None = None
    """What ``find_only_identifier`` says, put here by who made the write and hands it out often."""

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
            or self.added_emails
            or self.removed_emails
            or self.consent
        )

    def find_only_identifier(self) -> tuple[str, str] | None:
        """The kind and value of the one identifier given, where the write says nothing else; else None."""
        if not self.only_identifies() or self.ignored:
            return None
        if self.id is not None or self.kx is not None or self.anonymous_id is not None:
            return None
        email, external_id, phone_number = self.email, self.external_id, self.phone_number
        if email is not None:
            return None if external_id is not None or phone_number is not None else ("email", email)
        if external_id is not None:
            return None if phone_number is not None else ("external_id", external_id)
        return None if phone_number is None else ("phone_number", phone_number)


class NamedProfiles(msgspec.Struct, gc=False):
    """Profiles that a request only names, each by one identifier, all of the same kind."""

    kind: str
    values: list[str]

    def __len__(self) -> int:
        return len(self.values)

    def writes(self) -> list[ProfileWrite]:
        """What is said of each."""
        writes = [ProfileWrite(only_identifier=(self.kind, value)) for value in self.values]
        for write, value in zip(writes, self.values, strict=True):
            setattr(write, self.kind, value)
        return writes


class Submission(msgspec.Struct, kw_only=True, gc=False):
    """One request's profile writes and events, the events as columns.

    A column of numbers is bytes, the numbers one after the other; a column of texts is
    the texts in UTF-8, end to end, beside a column of their sizes. So they pass between
    processes and into a batch without a Python object for each event.

    ``pointers`` says where each profile stands in the request, and may be longer.
    ``profile_index`` points into ``profiles``, ``metric_index`` into ``metrics``, which
    holds each (name, service) once; ``unique_id`` is filled in already (the second as
    text where none was sent), and ``unique_id_hash`` is the 128-bit XXH3 of each;
    ``value`` is 0 and ``has_value`` false where none was sent; ``currency`` is empty
    likewise; ``properties`` holds the raw JSON objects as they were sent.
    """

    events: int
    profiles: list[ProfileWrite] | NamedProfiles
    pointers: Sequence[str]
    profile_index: bytes
    metrics: list[tuple[str, str]]
    metric_index: bytes
    time: bytes
    unique_id: bytes
    unique_id_bytes: bytes
    unique_id_hash: bytes
    value: bytes
    has_value: bytes
    currency: bytes
    currency_bytes: bytes
    properties: bytes
    property_bytes: bytes
    body_bytes: int

    def __len__(self) -> int:
        return self.events

    def writes(self) -> list[ProfileWrite]:
        """What the request says of each profile."""
        return self.profiles if isinstance(self.profiles, list) else self.profiles.writes()

    def ignored(self) -> list[str]:
        """The identifiers that were given and can't be used."""
        if not isinstance(self.profiles, list):
            return []
        return [name for write in self.profiles for name in write.ignored]


class Gathered(msgspec.Struct, gc=False):
    """What many single creates ask to keep: the one event of each, by the place of its request.

    ``together`` has the events of the requests at ``places``, one after the other, each
    with the profile of the same place; ``alone`` has those of the others, None for a
    body that needs the closer look.
    """

    together: Submission | None
    places: list[int]
    alone: list[tuple[int, Submission | None]]


def separated(together: Submission) -> list[Submission]:
    """Each event of a submission that has as many profiles, as a submission of its own."""
    count = together.events
    writes = together.writes()
    metric_places = np.frombuffer(together.metric_index, dtype=NUMBER_TYPE).tolist()
    texts = [
        pieces(together.unique_id, together.unique_id_bytes),
        pieces(together.currency, together.currency_bytes),
        pieces(together.properties, together.property_bytes),
    ]
    first = number_column([0])
    return [
        Submission(
            events=1,
            profiles=[writes[place]],
            pointers=together.pointers,
            profile_index=first,
            metrics=[together.metrics[metric_places[place]]],
            metric_index=first,
            time=together.time[4 * place : 4 * place + 4],
            unique_id=unique_id,
            unique_id_bytes=together.unique_id_bytes[4 * place : 4 * place + 4],
            unique_id_hash=together.unique_id_hash[16 * place : 16 * place + 16],
            value=together.value[8 * place : 8 * place + 8],
            has_value=together.has_value[place : place + 1],
            currency=currency,
            currency_bytes=together.currency_bytes[4 * place : 4 * place + 4],
            properties=properties,
            property_bytes=together.property_bytes[4 * place : 4 * place + 4],
            body_bytes=together.body_bytes // count,
        )
        for place, unique_id, currency, properties in zip(range(count), *texts, strict=True)
    ]


def pieces(texts: bytes, sizes: bytes) -> list[bytes]:
    """The texts of a column, given the column of their sizes."""
    ends = np.cumsum(np.frombuffer(sizes, dtype=NUMBER_TYPE), dtype=np.int64).tolist()
    return [texts[start:end] for start, end in pairwise([0, *ends])]


def number_column(numbers: Sequence[int]) -> bytes:
    """A column of NUMBER_TYPE."""
    return struct.pack(f"<{len(numbers)}I", *numbers)


def value_column(values: Sequence[float]) -> bytes:
    """A column of VALUE_TYPE."""
    return struct.pack(f"<{len(values)}d", *values)
