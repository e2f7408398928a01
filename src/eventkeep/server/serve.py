"""The server's process: start, ready line, signals, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import structlog
import uvloop

from eventkeep.config import ServeSettings, server_url
from eventkeep.errors import FolderInUse, LogError, LogTrimmed, StoreError
from eventkeep.http.listener import Listener, bind
from eventkeep.limits import (
    CLOSE_SECONDS_MAX,
    CLUSTER_JOINS_MAX,
    DRAIN_SECONDS_MAX,
    OPEN_FILES_WANTED,
    SWITCH_SECONDS,
)
from eventkeep.log.retention import Retention
from eventkeep.server.app import App
from eventkeep.server.logs import configure_logs
from eventkeep.server.memory import calm_collector
from eventkeep.server.node import failed_node
from eventkeep.server.node_settings import node_settings
from eventkeep.server.node_waiting import WaitingPort
from eventkeep.server.services import Services

if TYPE_CHECKING:
    from eventkeep.server.controls.installation import StandIn

logger = structlog.get_logger(__name__)


def run(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT; returns when all acknowledged events are stored and closed.

    Prints one line with the URL as soon as requests get responses. Raises ConfigurationError
    if the address can't be bound, StoreError if the data folder can't be used.
    """
    configure_logs(settings.log_level, settings.log_format)
    allow_open_files()
    stand_in = make_stand_in(settings) if settings.controls else None
    port = settings.port
    for _ in range(CLUSTER_JOINS_MAX):
        with closing(bind(settings.host, port)) as bound:
            port = bound.getsockname()[1]
            try:
                serve_on(bound, msgspec.structs.replace(settings, port=port), stand_in)
                return
            except LogTrimmed as exc:
                logger.warning("this node has fallen out of the log, and joins anew", cause=str(exc))
    raise StoreError(
        f"this node fell out of the log {CLUSTER_JOINS_MAX} times: --log-follower-bytes keeps too little for it"
    )


def serve_on(bound: socket.socket, settings: ServeSettings, stand_in: StandIn | None) -> None:
    """Serve on a socket. Raises LogTrimmed if this is a node that fell out of the log, and the errors of ``run``."""
    node = node_settings(settings)
    with WaitingPort(bound) as waiting:
        try:
            services = Services(
                settings.data,
                None if stand_in is None else stand_in.clocks,
                node=node,
                fit_hours=settings.fit_predictions_hours,
                retention=Retention(
                    settings.log_retention_bytes, settings.log_retention_hours, settings.log_follower_bytes
                ),
                randomness=None if stand_in is None else stand_in.randomness,
                show_joining=waiting.show,
            )
        except StoreError as exc:
            if node is None or isinstance(exc, LogError | FolderInUse):
                raise
            raise StoreError(f"{exc} A node can also begin anew: eventkeep cluster join --replace") from exc
    calm_collector()
    share_the_interpreter()
    try:
        was_told_to_stop = uvloop.run(serve(settings, bound, services, stand_in))
    finally:
        services.close()
        logger.info("stopped")
    if isinstance(services.failure, LogTrimmed):
        if was_told_to_stop:
            return
        raise services.failure
    if services.failure is not None and services.node is not None:
        raise failed_node(services.failure)
    if services.failure is not None:
        raise StoreError(
            "a record of the log could not be applied, so the server stopped; acknowledged events are in the log, and "
            f"the next start applies it: {services.failure}"
        )


def allow_open_files() -> None:
    """Raise this process's limit of open files.

    The usual 1,024 would be used up by the connections alone; the commits and the table need files too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def share_the_interpreter() -> None:
    """Have threads hand the interpreter's lock over sooner than by its own setting.

    A commit lets go of the lock some four times, for the disk and in libraries, and each
    time it waits until the event loop has to hand it back.
    """
    sys.setswitchinterval(SWITCH_SECONDS)


def make_stand_in(settings: ServeSettings) -> StandIn:
    """The controls of a stand-in. Raises ConfigurationError if its seed can't be read."""
    # Only a stand-in loads this code.
    from eventkeep.server.controls.installation import StandIn

    return StandIn(settings)


async def serve(
    settings: ServeSettings, bound: socket.socket, services: Services, stand_in: StandIn | None = None
) -> bool:
    """Respond to requests until a signal comes, then to those that have no response yet; returns whether one came.

    The services end it too, if they fail. The clocks of a ``stand_in`` are the clock of the services.
    """
    if stand_in is None:
        app = App(services, settings)
        listener = Listener(app, bound, services.clock, settings.connections_per_host)
    else:
        app, listener = await stand_in.start(services, settings, bound)
    app.serve_metrics()
    app.traffic_log.start()
    stopping, told_to_stop = asyncio.Event(), asyncio.Event()

    def stop_as_told() -> None:
        told_to_stop.set()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        listener.loop.add_signal_handler(number, stop_as_told)

    def stop() -> None:
        listener.loop.call_soon_threadsafe(stopping.set)

    services.on_failure = stop
    if services.failure is not None:
        stopping.set()
    listener.start()
    announce(settings, services)
    await stopping.wait()
    logger.info("stopping", requests_in_flight=app.requests_in_flight)
    await app.drain(DRAIN_SECONDS_MAX)
    await listener.close(CLOSE_SECONDS_MAX)
    return told_to_stop.is_set()


def announce(settings: ServeSettings, services: Services) -> None:
    """Print the ready line."""
    url = server_url(settings.host, settings.port)
    if not services.directory.keys.list():
        print(
            f"No API key yet. Make one with: eventkeep keys create --data {settings.data}", file=sys.stderr, flush=True
        )
    print(f"eventkeep is ready at {url} (data in {settings.data})", flush=True)
