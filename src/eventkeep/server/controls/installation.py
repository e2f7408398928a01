"""Puts the controls around the application at the start: without them, no request passes through any of this."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Mapping
from pathlib import Path

from eventkeep.clock import SystemClock
from eventkeep.config import ServeSettings, server_url
from eventkeep.directory import KeyRecord
from eventkeep.errors import ConfigurationError, PermissionDenied
from eventkeep.http.broken_responses import BreakingConnection
from eventkeep.http.listener import Listener
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
from eventkeep.standin.repeatable import RepeatableIds
from eventkeep.standin.seed import Seed, parse_seed


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


class StandIn:
    """A server whose clocks, failures and data tests control.

    ``clocks`` and ``randomness`` have to be those of the services that it is started with. Raises ConfigurationError
    if its seed can't be read.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.clocks = AccountClocks(SystemClock())
        self.randomness = None if settings.repeatable_ids is None else RepeatableIds(settings.repeatable_ids)
        self._seed = None if settings.seed is None else read_seed(settings.seed)

    async def start(self, services: Services, settings: ServeSettings, bound: socket.socket) -> tuple[App, Listener]:
        """The application, with its seed loaded, and a listener on the controls around it.

        Raises ConfigurationError, which names the place, if the seed can't be loaded.
        """
        states = AccountStates()
        seeding = Seeding(services, self.clocks, states)
        webhooks = Webhooks(EventPayloads(services, settings.public_url or server_url(settings.host, settings.port)))
        services.before_close(webhooks.close)
        parts = ControlParts(
            limits=lambda table: AccountRateLimits(table, self.clocks),
            operations=list(CONTROL_OPERATIONS.values()),
            handlers=guarded(
                ControlRoutes(services, self.clocks, states, seeding, webhooks).handlers, settings.controls_key
            ),
            following=webhooks.after,
        )
        app = App(services, settings, parts)
        if self._seed is not None:
            await seeding.load_all(self._seed)
        application = ControlledApplication(app, services, states)
        return app, Listener(application, bound, self.clocks, settings.connections_per_host, BreakingConnection)


def read_seed(path: Path) -> Seed:
    """The seed in a file. Raises ConfigurationError, which names the file and the place."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"--seed: {path} can't be read: {exc.strerror}.") from exc
    return parse_seed(content, str(path))
