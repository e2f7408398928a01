"""The bodies of the client routes: parsed, checked, and made writes that keep the identifiers of known profiles."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.model.consent_changes import ConsentChange, subscription
from eventkeep.model.profile_edits import ImportProfile
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.protocol.client_routes.documents import ClientProfileCreate, ClientSubscriptionCreate, has_member
from eventkeep.protocol.consent.parsing import channels_of, check_addresses, list_of, list_of_json
from eventkeep.protocol.creates.tolerance import tolerate
from eventkeep.protocol.json_values import Faults
from eventkeep.protocol.profiles.parsing import check_imported, check_size, profile_write, tolerate_data
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.shapes import Has, parse_body

BULK_BEGINNING: Final = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
BULK_END: Final = b"]}}}}"
BULK_ITEM: Final = "/data/attributes/events-bulk-create/data/0"
"""The place of the item of a client's bulk create once it is put into a bulk create with a key."""
SUBSCRIPTION_PROFILE: Final = "/data/attributes/profile/data"
LIST_REQUIRED: Final = ("2023-09-15", "2024-05-15", "2025-01-15")
"""A client subscription has to name a list from the first revision to before the second, and from the third on."""


def bulk_create_of(body: bytes) -> bytes:
    """The body of bulk_create_events that has the item which is the body of a client's bulk create."""
    try:
        parts = _decode_parts(body)
    except msgspec.MsgspecError:
        # It is refused with its own faults.
        return body
    return b"".join((BULK_BEGINNING, bytes(parts["data"]), BULK_END)) if parts.keys() == {"data"} else body


def with_own_pointers(refusal: InvalidRequest) -> InvalidRequest:
    """The refusal of a bulk create, as the client that sent one item has to be told."""
    return InvalidRequest(
        [
            at_pointer(fault, fault.pointer.replace(BULK_ITEM, "/data", 1)) if fault.pointer else fault
            for fault in refusal.faults
        ]
    )


def at_pointer(fault: Fault, pointer: str) -> Fault:
    return Fault(fault.detail, pointer, fault.parameter, fault.code)


def keeping_identifiers(write: ProfileWrite) -> ProfileWrite:
    """The write, of which a profile that exists gets no identifier."""
    return msgspec.structs.replace(write, keeps_identifiers=True)


def parse_client_profile(body: bytes, revision: Revision) -> ImportProfile:
    """Parse the body of POST /client/profiles/. Raises InvalidRequest with every fault, PayloadTooLarge."""
    check_size(body)

    def check(value: Any, faults: Faults) -> None:
        check_imported(value["data"], "/data", faults)

    has = has_in(revision)
    profile = parse_body(body, ClientProfileCreate, has, check, prepare=tolerate_data).data
    write = profile_write(profile.attributes, profile.meta)
    write.id = profile.id or None
    return ImportProfile(keeping_identifiers(write))


def parse_client_subscription(body: bytes, revision: Revision, now_us: int) -> ConsentChange:
    """Parse the body of POST /client/subscriptions/. Raises InvalidRequest with every fault, PayloadTooLarge."""
    check_size(body)

    def prepare(value: Any) -> None:
        for name in ("data", "attributes", "profile", "data"):
            value = value.get(name) if isinstance(value, dict) else None
        tolerate(value)

    def check(value: Any, faults: Faults) -> None:
        profile = value["data"]["attributes"]["profile"]["data"]
        check_imported(profile, SUBSCRIPTION_PROFILE, faults)
        check_addresses(profile["attributes"], f"{SUBSCRIPTION_PROFILE}/attributes", faults)
        first, until, again = LIST_REQUIRED
        date = revision.date
        if (first <= date < until or date >= again) and list_of_json(value) is None:
            faults.add("/data/relationships/list", "The relationship to a list is missing.")

    document = parse_body(body, ClientSubscriptionCreate, has_in(revision), check, prepare=prepare).data
    attributes = document.attributes
    profile = attributes.profile.data
    write = profile_write(profile.attributes, profile.meta or profile.attributes.meta)
    write.id = profile.id or None
    return subscription(
        keeping_identifiers(write),
        channels_of(profile.attributes, now_us),
        now_us,
        custom_source=attributes.custom_source or None,
        list_id=list_of(document.relationships),
    )


def has_in(revision: Revision) -> Has:
    """``has_member`` of one revision."""
    return lambda kind, name: has_member(revision, kind, name)


_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
