"""The operations on accounts."""

from __future__ import annotations

from eventkeep.http.response import Response
from eventkeep.model.account_details import SETTING, AccountDetails
from eventkeep.model.account_id import account_id
from eventkeep.model.account_settings import read_settings
from eventkeep.protocol.accounts.responses import (
    AccountFacts,
    account_document,
    account_not_found,
    accounts_document,
)
from eventkeep.server.call import Call, Handler
from eventkeep.server.readers import Readers
from eventkeep.server.services import Services


class AccountRoutes:
    """Handlers of the operations on accounts. A key knows its own account alone."""

    def __init__(self, services: Services, readers: Readers) -> None:
        self._directory, self._readers = services.directory, readers
        self.handlers: dict[str, Handler] = {"get_accounts": self.get_accounts, "get_account": self.get_account}

    async def get_accounts(self, call: Call) -> Response:
        frame = call.frame(call.query())
        facts = await self._readers.run(lambda: self._facts(call.account))
        return call.response(accounts_document(frame, facts))

    async def get_account(self, call: Call) -> Response:
        frame = call.frame(call.query())
        facts = await self._readers.run(lambda: self._facts(call.account))
        if call.id != facts.id:
            raise account_not_found(call.id)
        return call.response(account_document(frame, facts))

    def _facts(self, number: int) -> AccountFacts:
        found = self._directory.accounts.by_number(number)
        id = account_id(number, self._directory.secret)
        # The key that asks belongs to it.
        details = read_settings(self._directory.account_settings.get(number, SETTING), AccountDetails)
        return AccountFacts(id=id, details=details.all("" if found is None else found.name))
