"""The server's process: start, ready line, signals, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import sys
from contextlib import closing

import msgspec
import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from eventkeep.config import ServeSettings
from eventkeep.errors import ConfigurationError
from eventkeep.limits import (
    COLLECTOR_ALLOCATIONS,
    CONNECTIONS_MAX,
    DRAIN_SECONDS_MAX,
    HEADER_BYTES_MAX,
    HEADER_SECONDS_MAX,
    LISTEN_BACKLOG,
    OPEN_FILES_WANTED,
    SWITCH_SECONDS,
)
from eventkeep.server.app import App
from eventkeep.server.logs import configure_logs
from eventkeep.server.rsgi import RsgiApp
from eventkeep.server.services import Services

logger = structlog.get_logger(__name__)


def run(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything answered is kept and closed.

    Prints one line with the URL once requests are answered. Raises ConfigurationError
    where the address can't be bound, StoreError where the data folder can't be used.
    """
    configure_logs(settings.log_level, settings.log_format)
    port = settings.port or free_port(settings.host)
    settings = msgspec.structs.replace(settings, port=port)
    check_address(settings.host, port)
    allow_open_files()
    services = Services(settings.data)
    calm_collector()
    share_the_interpreter()
    try:
        uvloop.run(serve(settings, port, services))
    finally:
        services.close()
        logger.info("stopped")


def allow_open_files() -> None:
    """Raise this process's limit of open files.

    The usual 1,024 would be used up by the connections alone; the commits and the table need files too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def calm_collector() -> None:
    """Have the garbage collector look seldom, and never at what was there before the first request.

    Requests leave next to nothing in cycles; with the interpreter's own thresholds a
    bulk request of 1,000 events would start the collector a dozen times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTOR_ALLOCATIONS, 20, 20)


def share_the_interpreter() -> None:
    """Have threads hand the interpreter's lock over sooner than by its own setting.

    A commit lets go of the lock some four times, for the disk and in libraries, and each
    time it waits until the event loop has to hand it back.
    """
    sys.setswitchinterval(SWITCH_SECONDS)


async def serve(settings: ServeSettings, port: int, services: Services) -> None:
    """Answer requests until a signal comes, then until none is under way."""
    app = App(services, settings)
    app.serve_metrics()
    server = Server(
        RsgiApp(app),
        address=settings.host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(HEADER_SECONDS_MAX * 1000), max_buffer_size=HEADER_BYTES_MAX
        ),
        websockets=False,
        backlog=LISTEN_BACKLOG,
        backpressure=CONNECTIONS_MAX,
        log_enabled=False,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve())
    announcing = asyncio.create_task(announce(settings, port, services))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    announcing.cancel()
    if stopped.done():
        logger.info("stopping", under_way=app.under_way)
        await app.drain(DRAIN_SECONDS_MAX)
        server.stop()  # type: ignore[no-untyped-call]
    stopped.cancel()
    await serving


async def announce(settings: ServeSettings, port: int, services: Services) -> None:
    """Print the ready line as soon as the port answers."""
    while True:
        try:
            _, writer = await asyncio.open_connection(connect_host(settings.host), port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            break
    url = f"http://{url_host(settings.host)}:{port}"
    if not services.directory.keys.list():
        print(
            f"No API key yet. Make one with: eventkeep keys create --data {settings.data}", file=sys.stderr, flush=True
        )
    print(f"eventkeep is ready at {url} (data in {settings.data})", flush=True)


def check_address(host: str, port: int) -> None:
    """Raises ConfigurationError where the address can't be bound, saying what to do."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as exc:
        raise ConfigurationError(
            f"{host}:{port} can't be listened on ({exc.strerror}): choose another with --host and --port"
        ) from exc


def free_port(host: str) -> int:
    """A port that was free a moment ago, for port 0."""
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        number: int = probe.getsockname()[1]
        return number


def connect_host(host: str) -> str:
    """An address at which a server that listens on ``host`` can be reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
