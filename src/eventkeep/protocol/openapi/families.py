"""The schemas of every family of routes. A new family adds a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from eventkeep.protocol.openapi.accounts import AccountSchemas
from eventkeep.protocol.openapi.events import EventSchemas
from eventkeep.protocol.openapi.metrics import MetricSchemas
from eventkeep.protocol.openapi.profiles import ProfileSchemas
from eventkeep.protocol.openapi.schemas import Schema
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.revisions import Revision


class FamilySchemas(Protocol):
    """Describes the operations of one family in one revision."""

    def body(self, operation: Operation) -> Schema | None:
        """The request's body; None for an operation without one."""
        ...

    def response(self, operation: Operation) -> Schema | None:
        """The body of a success; None for an empty one."""
        ...

    def success_headers(self, operation: Operation) -> Mapping[str, Any]:
        """Headers of the operation's success, beside those of every operation."""
        ...

    def extensions(self, operation: Operation) -> Mapping[str, Any]:
        """Members that begin with ``x-``."""
        ...


SCHEMAS: Final[Mapping[str, Callable[[Revision, dict[str, Schema]], FamilySchemas]]] = {
    "Events": EventSchemas,
    "Metrics": MetricSchemas,
    "Accounts": AccountSchemas,
    "Profiles": ProfileSchemas,
    "Consent": ProfileSchemas,
    "Client": ProfileSchemas,
    "Data Privacy": ProfileSchemas,
}
"""By the tag of the family's operations. Schemas of parts go to the components that are given."""
