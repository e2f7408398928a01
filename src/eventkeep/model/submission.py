"""What create requests ask to store: writes to profiles, and events as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.model.consent import Consent
from eventkeep.model.event_columns import Places, TextColumn

NUMBERS: Final[dict[str, np.dtype[Any]]] = {
    "time": np.dtype("<i8"),
    "value": np.dtype("<f8"),
    "hash_high": np.dtype("<u8"),
    "hash_low": np.dtype("<u8"),
    "profile_index": np.dtype("<u4"),
    "metric_index": np.dtype("<u4"),
}
"""The columns of numbers of a submission, and their types.

``time`` is in Unix seconds; ``value`` is NaN if the event has none; ``hash_high`` and ``hash_low`` are the halves of
the 128-bit XXH3 of the unique id; ``profile_index`` and ``metric_index`` are places in the submission's lists.
"""


class ProfileWrite(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """What a request writes to one profile, with its identifiers in normal form.

    ``attributes`` holds the plain attributes that were given (``first_name``, ``last_name``, ``organization``,
    ``locale``, ``title``, ``image``); None clears one. ``location`` holds the members of the location that were given,
    likewise; it is None if no location was given. ``append``, ``unappend`` and ``unset`` are the patch operations on
    ``properties``, applied after them in that order. ``added_emails`` and ``removed_emails`` are the patch operations
    on the secondary email addresses. ``consent`` is a statement about consent. A write that ``keeps_identifiers`` adds
    none to a profile that exists. ``ignored`` names identifiers that were given and can't be used (``phone_number``).
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
    """The result of ``find_only_identifier``, computed once because a write is often used again."""

    def only_identifies(self) -> bool:
        """Whether the write changes nothing but identifiers."""
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
        """The kind and value of the identifier, if it is all that the write holds; otherwise None."""
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


class Submission(msgspec.Struct, kw_only=True, gc=False):
    """The profile writes and events of one bulk create, or of single creates of one account.

    The events are columns, so that they reach the log without a Python object for each: ``numbers`` holds those of
    NUMBERS, ``texts`` those of ``event_columns.TEXTS``. ``unique_id`` is filled in (the second as text if none was
    sent), ``currency`` is empty if there is none, ``properties`` are raw JSON objects as they were sent.

    ``pointers`` says where each profile is in its request; it may be longer than ``profiles``. ``metrics`` holds each
    (name, service) once. With single creates, event and profile number i are those of request number i.
    """

    profiles: list[ProfileWrite]
    pointers: Sequence[str]
    metrics: list[tuple[str, str]]
    numbers: dict[str, npt.NDArray[Any]]
    texts: dict[str, TextColumn]

    def __len__(self) -> int:
        return len(self.numbers["time"])

    def ignored(self) -> list[str]:
        """The identifiers that were given and can't be used."""
        return [name for write in self.profiles for name in write.ignored]

    def take(self, places: Places) -> Submission:
        """The single creates at ``places``, in that order."""
        numbers = {name: column[places] for name, column in self.numbers.items()}
        # Metrics that none of them names must not be made.
        used, metric_index = np.unique(numbers["metric_index"], return_inverse=True)
        numbers["metric_index"] = metric_index.astype(NUMBERS["metric_index"])
        numbers["profile_index"] = np.arange(len(places), dtype=NUMBERS["profile_index"])
        return Submission(
            profiles=[self.profiles[place] for place in places.tolist()],
            pointers=self.pointers,
            metrics=[self.metrics[metric] for metric in used.tolist()],
            numbers=numbers,
            texts={name: column.take(places) for name, column in self.texts.items()},
        )

    def separated(self) -> list[Submission]:
        """Each of the single creates as a submission of its own."""
        first = np.zeros(1, dtype=NUMBERS["profile_index"])
        texts = {name: (column, column.offsets().tolist()) for name, column in self.texts.items()}
        return [
            Submission(
                profiles=[self.profiles[place]],
                pointers=self.pointers,
                metrics=[self.metrics[metric]],
                numbers={name: column[place : place + 1] for name, column in self.numbers.items()}
                | {"profile_index": first, "metric_index": first},
                texts={
                    name: TextColumn(
                        column.joined[offsets[place] : offsets[place + 1]], column.sizes[place : place + 1]
                    )
                    for name, (column, offsets) in texts.items()
                },
            )
            for place, metric in enumerate(self.numbers["metric_index"].tolist())
        ]
