"""The operations on profiles, consent, clients and privacy, held against the upstream documents of all revisions."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.parameters import ListParameter, SizeParameter, SortParameter
from eventkeep.protocol.queries import documented_parameters
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.contract.upstream import load_neighbours

TAGS: Final = ("Profiles", "Consent", "Client", "Data Privacy")
OURS: Final = [operation for operation in OPERATIONS.values() if operation.tag in TAGS]
OLD_SCOPES: Final = {"list:write": "lists:write", "list:read": "lists:read"}
"""Scopes that revisions up to 2023-10-15 name otherwise."""
UNKNOWN_PARAMETERS: Final = {"page[size]"}
"""Parameters that are also accepted in revisions whose documents lack them."""


def described(revision: Revision, path: str, method: str) -> dict[str, Any] | None:
    """The operation in the document of a revision, whichever name the id in its path has."""
    paths = load_neighbours(revision.date)["paths"]
    methods = paths.get(path) or paths.get(path.replace("{id}", "{job_id}")) or {}
    found: dict[str, Any] | None = methods.get(method.lower())
    return found


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_operations_scopes_and_limits_are_the_documents(revision: Revision) -> None:
    for ours in OURS:
        theirs = described(revision, ours.path, ours.method)
        assert (theirs is not None) == ours.exists_in(revision.date), ours.name
        if theirs is None:
            continue
        scopes = sorted(OLD_SCOPES.get(scope, scope) for scope in theirs["x-klaviyo-scopes"])
        assert sorted(ours.scopes) == scopes, ours.name
        limit = ours.limit.at(revision.date)
        text = theirs["description"]
        assert f"Burst: `{limit.burst}/s`" in text and f"Steady: `{limit.steady}/m`" in text, (ours.name, text)
        statuses = {status for status in theirs["responses"] if status.startswith("2")}
        assert {str(status) for status in ours.statuses.at(revision.date)} == statuses, ours.name


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_parameters_are_the_documents(revision: Revision) -> None:
    for ours in OURS:
        theirs = described(revision, ours.path, ours.method)
        if theirs is None:
            continue
        named = {each["name"]: each["schema"] for each in theirs["parameters"] if each["in"] == "query"}
        own = {each.name: each for each in documented_parameters(ours, revision)}
        assert own.keys() - UNKNOWN_PARAMETERS == named.keys() - UNKNOWN_PARAMETERS, ours.name
        for name, schema in named.items():
            parameter = own[name]
            allowed = schema.get("enum") or schema.get("items", {}).get("enum")
            if isinstance(parameter, ListParameter | SortParameter):
                values = set(parameter.values(revision))
                # The live service has it, as included profiles do.
                assert values - {"anonymous_id"} == set(allowed) - {"anonymous_id"}, (ours.name, name)
            if isinstance(parameter, SizeParameter):
                assert (schema["default"], schema["minimum"], schema["maximum"]) == (
                    parameter.default,
                    parameter.least,
                    parameter.most,
                )
