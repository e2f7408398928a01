"""Handlers of the operations that control an account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from eventkeep.directory import KeyRecord
from eventkeep.errors import ConfigurationError, Fault, InvalidRequest
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.protocol.admin.documents import AdminFrame
from eventkeep.server.admin_routes import OwnHandler
from eventkeep.server.controls.contents import Contents
from eventkeep.server.controls.seeding import Seeding
from eventkeep.server.controls.states import AccountStates
from eventkeep.server.controls.webhooks import Webhooks
from eventkeep.server.json_bodies import json_body
from eventkeep.server.readers import Readers
from eventkeep.server.services import Services
from eventkeep.standin.clocks import AccountClocks, ClockChange
from eventkeep.standin.faults import PROFILES, FaultsAdded, Kind
from eventkeep.standin.journal import Expectation
from eventkeep.standin.seed import SeedAccount
from eventkeep.standin.webhooks import Webhook

Content = TypeVar("Content")


class ControlRoutes:
    """Each handler acts on the account of the key that it is called with."""

    def __init__(
        self, services: Services, clocks: AccountClocks, states: AccountStates, seeding: Seeding, webhooks: Webhooks
    ) -> None:
        self._clocks, self._states, self._seeding, self._webhooks = clocks, states, seeding, webhooks
        self._directory, self._contents, self._readers = services.directory, Contents(services), Readers(services)
        self.handlers: dict[str, OwnHandler] = {
            "read_clock": self._read_clock,
            "change_clock": self._change_clock,
            "list_faults": self._list_faults,
            "add_faults": self._add_faults,
            "clear_faults": self._clear_faults,
            "list_requests": self._list_requests,
            "clear_requests": self._clear_requests,
            "expect_event": self._expect_event,
            "load_seed": self._load_seed,
            "reset_account": self._reset_account,
            "dump_account": self._dump_account,
            "list_webhooks": self._list_webhooks,
            "add_webhook": self._add_webhook,
            "clear_webhooks": self._clear_webhooks,
        }

    async def _read_clock(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        return document(self._clocks.state(key.account))

    async def _change_clock(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        self._clocks.change(key.account, await content(request, ClockChange))
        return document(self._clocks.state(key.account))

    async def _list_faults(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        rules = self._states.of(key.account).faults.listed(self._now(key))
        return document({"rules": rules, "profiles": list(PROFILES)})

    async def _add_faults(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        try:
            added = await content(request, FaultsAdded)
        except InvalidRequest as exc:
            if "Invalid enum value" not in str(exc):
                raise
            detail = f"{exc.faults[0].detail} The kinds of faults are {', '.join(Kind)}."
            raise InvalidRequest([Fault(detail, pointer="/")]) from exc
        numbers = self._states.of(key.account).faults.add(added.all_rules(), self._now(key))
        return document({"numbers": numbers})

    async def _clear_faults(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        self._states.of(key.account).faults.clear()
        return document({})

    async def _list_requests(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        asked = parameters(request, RequestsQuery)
        journal = self._states.journal_of(key.account)
        return document({"requests": journal.listed(asked.operation, asked.status, asked.after)})

    async def _clear_requests(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        self._states.journal_of(key.account).clear()
        return document({})

    async def _expect_event(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        expected = await content(request, Expectation)
        return document(await self._readers.run(lambda: self._contents.expect(key.account, expected)))

    async def _load_seed(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        seed = await content(request, SeedAccount)
        with refused_as_invalid():
            return document({"events": await self._seeding.load(key.account, seed)})

    async def _reset_account(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        with refused_as_invalid():
            account, events = await self._seeding.reset(key.account)
        self._webhooks.clear(key.account)
        public_id = self._directory.accounts.public_id(account.number)
        return document({"account": account.name, "public_id": public_id, "events": events})

    async def _dump_account(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        return document(await self._readers.run(lambda: self._contents.dump(key.account)))

    async def _list_webhooks(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        return document({"webhooks": self._webhooks.listed(key.account)})

    async def _add_webhook(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        return document({"id": self._webhooks.add(key.account, await content(request, Webhook))})

    async def _clear_webhooks(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        self._webhooks.clear(key.account)
        return document({})

    def _now(self, key: KeyRecord) -> float:
        return self._clocks.of(key.account).now()


class RequestsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a list of requests; see `Journal.listed`."""

    operation: str | None = None
    status: int | None = None
    after: int = 0


@contextmanager
def refused_as_invalid() -> Iterator[None]:
    """Raises InvalidRequest for a seed that can't be loaded."""
    try:
        yield
    except ConfigurationError as exc:
        raise InvalidRequest(str(exc)) from exc


def parameters(request: Request, kind: type[Content]) -> Content:
    """The query string. Raises InvalidRequest, which names the parameter."""
    try:
        return msgspec.convert(dict(parse_qsl(request.query_string)), kind, strict=False)
    except msgspec.ValidationError as exc:
        raise InvalidRequest([Fault(f"{exc}.", parameter="query")]) from exc


def document(value: Any) -> Response:
    return Response(200, {"Content-Type": "application/json"}, msgspec.json.encode(value))


async def content(request: Request, kind: type[Content]) -> Content:
    """The JSON body. Raises InvalidRequest, which names the place, and the errors of reading the body."""
    body = await json_body(request)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidRequest([Fault(f"{exc}.", pointer="/")]) from exc
