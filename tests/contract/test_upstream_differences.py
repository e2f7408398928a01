"""The changes from revision to revision are the same in our documents as in upstream's.

Every other change is explained here, place by place; an unneeded explanation
fails the test too.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any, Final

import pytest

from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.openapi.differences import Change, Difference, difference
from eventkeep.protocol.revisions import REVISIONS
from tests.contract.upstream import load_document

PAIRS: Final = list(itertools.pairwise(REVISIONS))
LIMITS: Final = {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
"""The limits that upstream's schemas leave to its guides."""
OWN_PARTS: Final = {"name", "status", "header", "error"}
"""Upstream renamed operations, and tells refusals without their statuses and headers."""

EXPLANATIONS: Final = {
    r"included\(attribution\)": "eventkeep has no attributions to include",
    r"\.(push-tokens|flow-triggers)\b": "relationships to resources that eventkeep does not have",
    r"^response data\.relationships ": "of a metric, for flow-triggers alone",
    r"relationships\.(lists|segments)\.data\b": "documented once more in 2026-04-15; the live service has links alone",
    r"included\((metric|profile)\)\.relationships\b": "documented from 2026-04-15 on; the live service has them before",
    r"^response links\b": "the live service has the links in every revision, and never first and last",
    r"^response meta\b": "hints that the live service does not send",
    r"\.meta\.patch_identifiers\b": "second addresses of a profile, which eventkeep does not keep",
    r"^response data( |\.id |$)": "related resources and ids are never null here",
    r"included\(profile\)\.id ": "an id is never null",
    r"\.datetime ": "a date-time before it was said, too",
    r"\.subscriptions\..*(required|may be null|one of)": "nothing in it is required, since fieldsets may be sparse",
    r"predictive_analytics\.historic_number_of_orders": "an integer, as captured",
    r"\.click_tracking\b": "of no parameter, and a profile that never subscribed has none",
    r"anonymous_id": "the live service has it in its responses; the documents don't",
    r"^body data\.attributes\.profile\.data\.meta\b": "the client of 2024-02-15 sends it in its earlier place",
}
"""By a pattern of ``part place before after``."""


def upstream(revision: str) -> dict[str, Any]:
    """The document, with its filters told as ours are."""
    document = load_document(revision)
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "filter":
                    parameter["x-eventkeep-filters"] = filters(parameter["description"])
    return document


def filters(description: str) -> dict[str, list[str]]:
    """Lines such as ```profile`: `has``` of a description."""
    lines = [line.partition("`: ") for line in description.split("<br>`")[1:]]
    return {field: [operator.strip("` ") for operator in operators.split(",")] for field, _, operators in lines}


def without_limits(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: without_limits(value) for name, value in node.items() if name not in LIMITS}
    return [without_limits(value) for value in node] if isinstance(node, list) else node


def told(found: Difference) -> set[tuple[str, str, str, Change]]:
    """The changes that both documents can show; a part that came or went as a whole is shown without words."""
    return {
        (operation.method, operation.path, operation.kind, plain(change))
        for operation in found.operations
        if operation.path.startswith(("/api/events/", "/api/event-bulk-create-jobs/"))
        for change in operation.changes
        if change.part not in OWN_PARTS and not (change.part == "limit" and change.place in ("events", "bytes"))
    }


def plain(change: Change) -> Change:
    if change.kind == "changed":
        return change
    return Change(kind=change.kind, part=change.part, place=change.place, value=change.value)


def explanation(change: Change) -> str | None:
    """The pattern that explains a change in only one of the two."""
    text = " ".join([change.part, change.place, change.value, change.before, change.after])
    return next((pattern for pattern in EXPLANATIONS if re.search(pattern, text)), None)


def about_events(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its operations on events alone, which upstream's are about."""
    paths = {
        path: {method: operation for method, operation in methods.items() if operation["tags"] == ["Events"]}
        for path, methods in document["paths"].items()
    }
    return {**document, "paths": {path: methods for path, methods in paths.items() if methods}}


@functools.cache
def own_documents() -> dict[str, Any]:
    """Ours by their dates."""
    return {
        revision.date: without_limits(about_events(openapi_document(revision, "http://127.0.0.1:8000")))
        for revision in REVISIONS
    }


@functools.cache
def known_to_one(before: str, after: str) -> tuple[set[tuple[str, str, str, Change]], int]:
    """Changes that only ours or only upstream's documents know, and how many both do."""
    own = own_documents()
    ours = told(difference(own[before], own[after]))
    theirs = told(difference(without_limits(upstream(before)), without_limits(upstream(after))))
    return ours ^ theirs, len(ours & theirs)


@pytest.mark.parametrize(("before", "after"), [(one.date, other.date) for one, other in PAIRS])
def test_revisions_differ_as_upstream_says(before: str, after: str) -> None:
    unlike, _ = known_to_one(before, after)
    assert [each for each in unlike if explanation(each[-1]) is None] == []


def test_most_changes_need_no_explanation() -> None:
    both = sum(known_to_one(one.date, other.date)[1] for one, other in PAIRS)
    assert both > 400


def test_every_explanation_is_needed() -> None:
    used = {explanation(change) for one, other in PAIRS for *_, change in known_to_one(one.date, other.date)[0]}
    assert used == EXPLANATIONS.keys()


def test_from_2024_02_15_to_2024_06_15_all_is_seen() -> None:
    unlike, both = known_to_one("2024-02-15", "2024-06-15")
    places = {change.place for *_, change in unlike}
    assert {place for place in places if not place.startswith("included(attribution)")} == {
        # Ours alone: the official clients of the two revisions differ in it.
        "data.attributes.profile.data.meta",
        "data.attributes.profile.data.meta.patch_properties",
        "data.attributes.profile.data.meta.patch_properties.append",
        "data.attributes.profile.data.meta.patch_properties.unappend",
        "data.attributes.profile.data.meta.patch_properties.unset",
    }
    assert both > 70
