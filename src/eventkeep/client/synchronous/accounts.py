# Made by tools/async_to_sync.py from asynchronous/accounts.py: change that one.
"""``Accounts``: the operations on accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventkeep.client.account_results import Account, read_account, read_account_resource
from eventkeep.client.call import Names, parameters_of, read_call
from eventkeep.client.pages import Page, page_reader
from eventkeep.client.results import ApiResponse

if TYPE_CHECKING:
    from eventkeep.client.synchronous.client import Client


class Accounts:
    """The operations on accounts; each also as ``…_with_http_info``, which returns (data, status, headers).

    A key belongs to one account. All raise ArgumentError before anything is sent, and ClientError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def get_accounts(self, *, fields_account: Names = None) -> Page[Account]:
        """Read the account of the key, as a page of one."""
        return (self.get_accounts_with_http_info(fields_account=fields_account)).data

    def get_accounts_with_http_info(self, *, fields_account: Names = None) -> ApiResponse[Page[Account]]:
        """``get_accounts``, with status and headers."""
        parameters = parameters_of("get_accounts", {"fields_account": fields_account})
        read = page_reader(read_account_resource)
        return self._client.perform(read_call("get_accounts", None, parameters, read))

    def get_account(self, id: str, *, fields_account: Names = None) -> Account:
        """Read the account of the key by its id."""
        return (self.get_account_with_http_info(id, fields_account=fields_account)).data

    def get_account_with_http_info(self, id: str, *, fields_account: Names = None) -> ApiResponse[Account]:
        """``get_account``, with status and headers."""
        parameters = parameters_of("get_account", {"fields_account": fields_account})
        return self._client.perform(read_call("get_account", id, parameters, read_account, of="an account"))
