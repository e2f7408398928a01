"""``subscriptions`` by revision: the names of the registry, and the schemas of the upstream documents."""

from __future__ import annotations

import json
from typing import Any, Final, get_args

import jsonschema_rs
import pytest

from eventkeep.model.consent import (
    NOTHING,
    Channel,
    Consent,
    joined,
    list_suppressed,
    subscribed,
    suppressed,
    unsubscribed,
)
from eventkeep.protocol.resources import without_nulls
from eventkeep.protocol.revisions import REVISIONS, Revision
from eventkeep.protocol.subscriptions import subscriptions_of
from tests.source_tree import PROJECT

DOCUMENTS: Final = PROJECT.parent / "shared" / "klaviyo"
T: Final = 1_676_000_000_000_000
MOMENT: Final = "2023-02-10T03:33:20+00:00"
LATER: Final = "2023-02-10T03:33:21+00:00"
BY_DATE: Final = {revision.date: revision for revision in REVISIONS}
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)


def everything() -> Consent:
    consent = joined(suppressed("HARD_BOUNCE", T), list_suppressed("Y6nRLr", T + 1_000_000))
    for channel in CHANNELS:
        consent = joined(
            consent, subscribed(channel, T, method="API", custom_method_detail="Homepage", double_optin=False)
        )
    return consent


def only(channel: Channel) -> Consent:
    return subscribed(channel, T)


CONSENTS: Final[dict[str, Consent]] = {
    "nothing": NOTHING,
    "everything": everything(),
    "unsubscribed": unsubscribed("email.marketing", T),
    "suppressed": suppressed("SPAM_COMPLAINT", T),
    **{channel: only(channel) for channel in CHANNELS},
}


def as_json_schema(node: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema that allows no members but its own."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    if isinstance(node.get("properties"), dict):
        plain["additionalProperties"] = False
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def validator(revision: Revision) -> jsonschema_rs.Validator:
    path = DOCUMENTS / f"neighbours-openapi-{revision.date}.json"
    if not path.exists():
        pytest.skip("the upstream OpenAPI documents are not at hand")
    schemas = as_json_schema(json.loads(path.read_text(encoding="utf-8"))["components"]["schemas"])
    schema = {"$ref": "#/components/schemas/Subscriptions", "components": {"schemas": schemas}}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def shown(consent: Consent, revision: Revision) -> Any:
    value = subscriptions_of(consent, "+15005550006", revision)
    return value if revision.has_nulls else without_nulls(value)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_each_shape_fits_the_upstream_document(revision: Revision) -> None:
    check = validator(revision)
    for name, consent in CONSENTS.items():
        for phone_number in ("+15005550006", None):
            value = subscriptions_of(consent, phone_number, revision)
            errors = list(check.iter_errors(value if revision.has_nulls else without_nulls(value)))
            assert errors == [], name


def names_of(value: Any, prefix: str) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return {f"{prefix}.{name}" for name in value}.union(
        *(names_of(each, f"{prefix}.{name}") for name, each in value.items())
    )


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_every_name_of_the_registry_is_shown_and_no_other(revision: Revision) -> None:
    fields = revision.additional_fields.get("subscriptions", revision.profile_fields)
    expected = {name for name in fields if name.startswith("subscriptions.")}
    assert names_of(subscriptions_of(everything(), "+15005550006", revision), "subscriptions") == expected


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_a_profile_that_never_subscribed_is_as_captured(revision: Revision) -> None:
    assert subscriptions_of(NOTHING, None, revision) == revision.never_subscribed
    # Channels that only newer revisions have change nothing in the older ones.
    if revision.date < "2026-04-15":
        assert subscriptions_of(only("email.open_tracking"), None, revision)["email"].keys() == {"marketing"}


def test_email_in_the_first_and_in_a_late_revision() -> None:
    consent = joined(everything(), unsubscribed("email.marketing", T + 1_000_000, method="PREFERENCE_PAGE"))
    suppressions = [{"reason": "HARD_BOUNCE", "timestamp": MOMENT}, {"reason": "UNSUBSCRIBE", "timestamp": LATER}]
    lists = [{"list_id": "Y6nRLr", "reason": "UNSUBSCRIBE", "timestamp": LATER}]
    assert shown(consent, BY_DATE["2023-07-15"])["email"]["marketing"] == {
        "consent": "UNSUBSCRIBED",
        "timestamp": LATER,
        "method": "PREFERENCE_PAGE",
        "method_detail": "",
        "suppressions": suppressions,
        "list_suppressions": lists,
    }
    assert shown(consent, BY_DATE["2024-07-15"])["email"]["marketing"] == {
        "can_receive_email_marketing": False,
        "consent": "UNSUBSCRIBED",
        "consent_timestamp": LATER,
        "last_updated": LATER,
        "method": "PREFERENCE_PAGE",
        "method_detail": "",
        "custom_method_detail": None,
        "double_optin": None,
        "suppression": suppressions,
        "list_suppressions": lists,
    }


def test_sms_in_a_late_revision() -> None:
    sms = shown(joined(only("sms.marketing"), unsubscribed("sms.transactional", T)), BY_DATE["2024-10-15"])["sms"]
    said = {"consent_timestamp": MOMENT, "last_updated": MOMENT, "method": "", "method_detail": ""}
    assert sms == {
        "marketing": {"can_receive_sms_marketing": True, "consent": "SUBSCRIBED", **said},
        "transactional": {"can_receive_sms_transactional": False, "consent": "UNSUBSCRIBED", **said},
    }


def test_whatsapp_has_the_profile_s_number() -> None:
    whatsapp = shown(only("whatsapp.conversational"), BY_DATE["2025-07-15"])["whatsapp"]
    assert whatsapp["conversational"]["phone_number"] == "+15005550006"
    assert whatsapp["conversational"]["created_timestamp"] == MOMENT
    assert whatsapp.keys() == {"conversational"}
