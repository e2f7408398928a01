"""Schemas of the operations on accounts."""

from __future__ import annotations

from eventkeep.protocol.accounts.operations import account_fields
from eventkeep.protocol.openapi.attributes import attributes_schema
from eventkeep.protocol.openapi.resources import ResourceSchemas
from eventkeep.protocol.openapi.schemas import BOOLEAN, STRING, Schema, array_of, one_of_names
from eventkeep.protocol.operation import Operation


class AccountSchemas(ResourceSchemas):
    """The responses of the operations on accounts."""

    def response(self, operation: Operation) -> Schema | None:
        if operation.name == "get_accounts":
            return self.document(array_of(self._account()), self.page_links())
        return self.document(self._account(), self.self_link())

    def _account(self) -> Schema:
        names = [name for name in account_fields(self._revision) if name != "id"]
        return self.component(
            "AccountResource",
            {
                "type": one_of_names(["account"]),
                "id": STRING,
                "attributes": attributes_schema(names, {"test_account": BOOLEAN}, self._revision.has_nulls),
                "links": self.self_link(),
            },
        )
