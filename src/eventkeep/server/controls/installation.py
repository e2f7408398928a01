"""Puts the controls around the application at the start: without them, no request passes through any of this."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from eventkeep.config import ServeSettings
from eventkeep.directory import KeyRecord
from eventkeep.errors import PermissionDenied
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.protocol.admin.controls import CONTROL_OPERATIONS, CONTROLS_KEY_HEADER
from eventkeep.protocol.admin.documents import AdminFrame
from eventkeep.server.admin_routes import OwnHandler
from eventkeep.server.app import App
from eventkeep.server.control_parts import ControlParts
from eventkeep.server.controls.application import ControlledApplication
from eventkeep.server.controls.event_payloads import EventPayloads
from eventkeep.server.controls.limits import AccountRateLimits
from eventkeep.server.controls.routes import ControlRoutes
from eventkeep.server.controls.seeding import Seeding
from eventkeep.server.controls.states import AccountStates
from eventkeep.server.controls.webhooks import Webhooks
from eventkeep.server.services import Services
from eventkeep.standin.clocks import AccountClocks

Installed = tuple[App, ControlledApplication, Seeding]


def guarded(handlers: Mapping[str, OwnHandler], secret: str | None) -> Mapping[str, OwnHandler]:
    """The handlers, for requests that bring the secret; without a secret, the handlers as they are."""
    if secret is None:
        return handlers

    def checked(handler: OwnHandler) -> OwnHandler:
        async def handle(request: Request, key: KeyRecord, frame: AdminFrame, id: str) -> Response:
            sent = request.headers.get(CONTROLS_KEY_HEADER.lower()) or ""
            if not hmac.compare_digest(sent.encode(), secret.encode()):
                raise PermissionDenied(f"The header {CONTROLS_KEY_HEADER} does not bring the key of the controls.")
            return await handler(request, key, frame, id)

        return handle

    return {name: checked(handler) for name, handler in handlers.items()}


def controlled(services: Services, settings: ServeSettings, clocks: AccountClocks) -> Installed:
    """An application with controls, what a listener serves of it, and what loads seeds.

    ``clocks`` are the clock of the services.
    """
    states = AccountStates()
    seeding = Seeding(services, clocks, states)
    url = settings.public_url or f"http://{settings.host}:{settings.port}"
    webhooks = Webhooks(EventPayloads(services, url))
    services.before_close(webhooks.close)
    parts = ControlParts(
        limits=lambda table: AccountRateLimits(table, clocks),
        operations=list(CONTROL_OPERATIONS.values()),
        handlers=guarded(ControlRoutes(services, clocks, states, seeding, webhooks).handlers, settings.controls_key),
        following=webhooks.after,
    )
    app = App(services, settings, parts)
    return app, ControlledApplication(app, services, states), seeding
