"""``eventkeep record``, ``replay`` and ``verify``: recorded exchanges with a server."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx
import typer

from eventkeep.cli.connection import ApiKeyOption, checked_key
from eventkeep.cli.exits import EXIT_CODES_HELP
from eventkeep.errors import ConfigurationError, ServerUnreachable
from eventkeep.limits import CASSETTE_UPSTREAM_SECONDS_MAX

RECORD_EPILOG: Final = f"""
Example: eventkeep record shop.jsonl --upstream https://a.klaviyo.com

Point your program at the printed URL; Ctrl-C ends the recording.

{EXIT_CODES_HELP}
"""
REPLAY_EPILOG: Final = f"""
Example: eventkeep replay shop.jsonl

{EXIT_CODES_HELP}
"""
VERIFY_EPILOG: Final = f"""
Example: eventkeep verify shop.jsonl --against http://127.0.0.1:8340

{EXIT_CODES_HELP}
"""
CassetteArgument = Annotated[Path, typer.Argument(help="The cassette, a file of JSON Lines.")]
HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PortOption = Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")]


def record(
    cassette: CassetteArgument,
    upstream: Annotated[str, typer.Option(help="The server that requests are forwarded to.")],
    host: HostOption = "127.0.0.1",
    port: PortOption = 8341,
    scrub: Annotated[
        str | None,
        typer.Option(help="Members of JSON bodies to replace, by commas.", show_default="email, phone_number, …"),
    ] = None,
) -> None:
    """Forward requests to a server and record each exchange, without keys and personal data.

    API keys are never written. The values of the chosen members are replaced before anything reaches the disk; equal
    values get equal replacements.
    """
    from eventkeep.cassettes.cassette import FORMAT, Head, Writer
    from eventkeep.cassettes.scrubbing import PERSONAL, Scrubber
    from eventkeep.cassettes.servers import Recorder

    members = PERSONAL if scrub is None else tuple(name.strip() for name in scrub.split(",") if name.strip())
    writer = Writer(cassette, Head(FORMAT, upstream, members))
    recorder = Recorder(upstream, writer, Scrubber(members, os.urandom(32)), note_line)
    try:
        serve(host, port, recorder.respond, f"recording {upstream} to {cassette}")
    finally:
        recorder.close()
        writer.close()
    print(f"{writer.exchanges} exchanges in {cassette}")


def replay(cassette: CassetteArgument, host: HostOption = "127.0.0.1", port: PortOption = 8341) -> None:
    """Respond to requests from a cassette; a request that it does not have gets 404 with the nearest recording."""
    from eventkeep.cassettes.cassette import read_cassette
    from eventkeep.cassettes.matching import Tape
    from eventkeep.cassettes.servers import Replayer

    head, exchanges = read_cassette(cassette)
    replayer = Replayer(Tape(exchanges, head.scrubbed), note_line)
    serve(host, port, replayer.respond, f"replaying {len(exchanges)} exchanges of {cassette}")
    if replayer.misses:
        print(f"{replayer.misses} requests were not in the cassette")
        raise typer.Exit(1)


def verify(
    cassette: CassetteArgument,
    against: Annotated[str, typer.Option(help="The server to hold against the cassette.")],
    api_key: ApiKeyOption = None,
) -> None:
    """Send the recorded requests to a server and report every difference in status, headers and shape of the body."""
    from eventkeep.cassettes.cassette import read_cassette
    from eventkeep.cassettes.comparing import response_differences

    key = checked_key(api_key)
    _, exchanges = read_cassette(cassette)
    different = 0
    with httpx.Client(base_url=against, timeout=CASSETTE_UPSTREAM_SECONDS_MAX, follow_redirects=False) as client:
        for exchange in exchanges:
            target = f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path
            headers = {**exchange.headers, "authorization": f"Klaviyo-API-Key {key}"}
            try:
                response = client.request(exchange.method, target, headers=headers, content=exchange.body.encode())
            except httpx.HTTPError as exc:
                raise ServerUnreachable(f"{against} did not respond: {exc}") from exc
            headers = {name.lower(): value for name, value in response.headers.items()}
            found = response_differences(exchange, response.status_code, headers, response.text)
            different += bool(found)
            for text in found:
                print(f"{exchange.method} {target}: {text}")
    print(f"{len(exchanges)} requests, {different} with differences")
    if different:
        raise typer.Exit(1)


def serve(host: str, port: int, respond: object, title: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigurationError if the address can't be bound."""
    from eventkeep.cassettes.servers import CassetteServer, Respond

    function: Respond = respond  # type: ignore[assignment]  # the type is known only here, where the module is loaded
    try:
        server = CassetteServer(host, port, function)
    except OSError as exc:
        raise ConfigurationError(f"--port: {host}:{port} can't be bound: {exc.strerror}.") from exc

    def stop(number: int, frame: FrameType | None) -> None:
        # From another thread: shutdown waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        print(f"{title}: {server.url}", flush=True)
        server.serve_forever()
    finally:
        server.server_close()
        for number, handler in before.items():
            signal.signal(number, handler)


def note_line(text: str) -> None:
    """A line for the person who watches, on standard error, without control characters."""
    print("".join(character if character.isprintable() else "?" for character in text), file=sys.stderr, flush=True)
