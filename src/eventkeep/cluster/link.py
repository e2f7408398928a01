"""The link of this process to the servers of NATS: one connection at a time, in a thread with an event loop of its own.

The library's own reconnecting is not used: it sends the buffered requests again, although nobody knows whether they
still matter, and it notices a stalled connection late. Here a connection that fails, stalls, or leads to a server that
gets nothing done is dropped, the requests that wait on it fail at once, and the next server is tried.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import structlog

from eventkeep.cluster.address import LogAddress
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable
from eventkeep.limits import (
    CLUSTER_CONNECT_SECONDS_MAX,
    CLUSTER_FETCH_BYTES,
    CLUSTER_FETCH_RECORDS,
    CLUSTER_FETCH_SECONDS_MAX,
    CLUSTER_LINK_BYTES_PER_SECOND_MIN,
    CLUSTER_PING_SECONDS,
    CLUSTER_REQUEST_SECONDS_MAX,
    CLUSTER_USELESS_SECONDS_MAX,
)

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")
RETRY_SECONDS: Final = 0.1
CANCEL_AGAIN_SECONDS: Final = 0.5
UNAVAILABLE: Final = 503
END_OF_BATCH: Final = "204"
NOT_FOUND: Final = "404"
NO_MESSAGE: Final = 10037


class Fault(msgspec.Struct, frozen=True):
    """An error that JetStream reports: its HTTP-like code, its own number, and its text."""

    code: int
    err_code: int = 0
    description: str = ""


class Reply(msgspec.Struct, frozen=True):
    """The response of JetStream to a request: a fault, or the document."""

    document: dict[str, Any]
    fault: Fault | None = None


class Fetched(msgspec.Struct, frozen=True):
    """A message of a stream."""

    sequence: int
    content: bytes
    subject: str = ""


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as the leader of its stream has it; ``time`` is that leader's, in RFC 3339."""

    sequence: int
    content: bytes
    subject: str
    time: str


class Connection:
    """One connection to one server; ``lost`` is done when it is of no more use."""

    def __init__(self, client: Client, lost: asyncio.Future[str]) -> None:
        self.client, self.lost = client, lost
        self.inbox = client.new_inbox()
        self.batches: dict[str, asyncio.Queue[Msg]] = {}

    def give_up(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    async def take_batch_message(self, message: Msg) -> None:
        """Hand a message of a batch to the task that waits for that batch."""
        if (queue := self.batches.get(message.subject.rpartition(".")[2])) is not None:
            queue.put_nowait(message)

    async def close(self) -> None:
        """Close it, without waiting for a server that does not respond."""
        with contextlib.suppress(TimeoutError, OSError):
            await asyncio.wait_for(self.client.close(), CLUSTER_REQUEST_SECONDS_MAX)


class Link:
    """Requests to the servers in ``address``; ``node`` is the name of this process there."""

    def __init__(self, address: LogAddress, node: str) -> None:
        """Start the thread. Raises ConfigurationError if the library or a certificate is missing."""
        require_library()
        self.address, self.node = address, node
        self._tls = address.tls_context()
        self._subscriptions: dict[str, Callable[[bytes], None]] = {}
        self._connection: Connection | None = None
        self._tokens = itertools.count()
        self._bytes_in_flight = 0
        self.connects = 0
        self.server = ""
        self.max_payload = 0
        self._loop = asyncio.new_event_loop()
        self._connected = asyncio.Event()
        self._served = self._loop.time()
        self._thread = threading.Thread(target=self._run_loop, name="nats", daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        self.start(self._stay_connected())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do ``work`` in the link's loop and return its result, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have ``work`` go on in the link's loop until the link is closed."""

        async def add() -> None:
            self._tasks.append(asyncio.create_task(work))

        self.run(add())

    def start_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """The same, in the link's loop."""
        self._tasks.append(asyncio.create_task(work))

    def close(self) -> None:
        """Close the connection and end the thread."""
        if not self._thread.is_alive():
            return
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def subscribe(self, subject: str, take: Callable[[bytes], None]) -> None:
        """Have ``take`` called in the link's loop with each message of a subject, on this and each later connection."""
        self._subscriptions[subject] = take
        if self._connection is not None:
            await self._subscribe(self._connection.client, subject)

    async def tell(self, subject: str, payload: bytes) -> None:
        """Send a message that may get lost."""
        if self._connection is not None:
            with contextlib.suppress(LogUnreachable):
                await self._on_connection(lambda connection: connection.client.publish(subject, payload))

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        headers: dict[str, str] | None = None,
        response_bytes: int = 0,
    ) -> Reply:
        """Send a request to JetStream. Raises LogUnreachable if it did not get a response in time.

        ``response_bytes`` is about how large the response is expected. A fault with the code 503 is no response either.
        """
        in_flight = len(payload) + response_bytes
        seconds = CLUSTER_REQUEST_SECONDS_MAX + in_flight / CLUSTER_LINK_BYTES_PER_SECOND_MIN
        self._bytes_in_flight += in_flight
        try:
            message = await self._on_connection(
                lambda connection: connection.client.request(subject, payload, timeout=seconds, headers=headers),
                seconds,
            )
        finally:
            self._bytes_in_flight -= in_flight
        document = msgspec.json.decode(message.data)
        if (error := document.get("error")) is None:
            self._served = self._loop.time()
            return Reply(document)
        fault = msgspec.convert(error, Fault)
        if fault.code == UNAVAILABLE:
            self._failed()
            raise LogUnreachable(f"JetStream is not available: {fault.description}", was_sent=True)
        self._served = self._loop.time()
        return Reply(document, fault)

    async def api(self, subject: str, document: object = None, response_bytes: int = 0) -> Reply:
        """Call the interface of JetStream for managing and reading streams; like ``request``."""
        payload = b"" if document is None else msgspec.json.encode(document)
        return await self.request("$JS.API." + subject, payload, response_bytes=response_bytes)

    async def last_message(self, stream: str, subject: str) -> StoredMessage | None:
        """The newest message of a subject as the leader of the stream has it, None if there is none.

        Raises LogUnreachable, LogError.
        """
        return await self._message(stream, {"last_by_subj": subject}, 0)

    async def message(self, stream: str, sequence: int, response_bytes: int) -> StoredMessage | None:
        """A message by its sequence, as the leader of the stream has it; like ``last_message``."""
        return await self._message(stream, {"seq": sequence}, response_bytes)

    async def first_message(self, stream: str) -> StoredMessage | None:
        """The oldest message of a stream; like ``last_message``."""
        return await self._message(stream, {"seq": 0, "next_by_subj": ">"}, CLUSTER_FETCH_BYTES)

    async def _message(self, stream: str, which: dict[str, Any], response_bytes: int) -> StoredMessage | None:
        reply = await self.api(f"STREAM.MSG.GET.{stream}", which, response_bytes)
        if reply.fault is not None:
            if reply.fault.err_code != NO_MESSAGE:
                raise LogError(f"the stream {stream} can't be read: {reply.fault.description}")
            return None
        found = reply.document["message"]
        content = base64.b64decode(found.get("data", ""))
        return StoredMessage(int(found["seq"]), content, str(found["subject"]), str(found["time"]))

    async def fetch(
        self, stream: str, first: int, count: int = CLUSTER_FETCH_RECORDS, subject: str | None = None
    ) -> list[Fetched]:
        """The messages of a stream from a sequence on, as far as the replica that is asked has them; [] if none.

        With a ``subject``, which may have wildcards, only its messages, and the first one may be missing. Any replica
        may be asked, also one that is behind. Raises LogUnreachable.
        """
        which: dict[str, int | str] = {"seq": first, "batch": count, "max_bytes": CLUSTER_FETCH_BYTES}
        if subject is not None:
            which["next_by_subj"] = subject

        async def send(connection: Connection) -> list[Fetched]:
            token = str(next(self._tokens))
            queue = connection.batches[token] = asyncio.Queue()
            try:
                await connection.client.publish(
                    f"$JS.API.DIRECT.GET.{stream}",
                    msgspec.json.encode(which),
                    reply=f"{connection.inbox}.{token}",
                )
                return await collect(queue)
            finally:
                del connection.batches[token]

        # Each message has its own time-out; all together are bounded by their number.
        self._bytes_in_flight += CLUSTER_FETCH_BYTES
        try:
            return await self._on_connection(send, CLUSTER_FETCH_SECONDS_MAX * (count + 1))
        finally:
            self._bytes_in_flight -= CLUSTER_FETCH_BYTES

    async def _on_connection(
        self, act: Callable[[Connection], Awaitable[Result]], seconds: float = CLUSTER_REQUEST_SECONDS_MAX
    ) -> Result:
        """Do something with the connection. Raises LogUnreachable if there is none, or if it fails."""
        from nats.errors import Error, MaxPayloadError, NoRespondersError

        if (connection := self._connection) is None:
            raise LogUnreachable("there is no connection to a server of NATS")
        task = asyncio.ensure_future(act(connection))
        try:
            both: set[asyncio.Future[Any]] = {task, connection.lost}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._failed()
                reason = connection.lost.result() if connection.lost.done() else "no response in time"
                raise LogUnreachable(f"{self.server}: {reason}", was_sent=True)
            return task.result()
        except NoRespondersError as exc:
            self._failed()
            raise LogUnreachable("nobody is responsible for the stream now") from exc
        except MaxPayloadError as exc:
            raise LogError("a message is larger than the server takes") from exc
        except (Error, OSError, TimeoutError, LogUnreachable) as exc:
            self._failed()
            if isinstance(exc, LogUnreachable):
                raise
            raise LogUnreachable(f"{self.server}: {exc!s}", was_sent=True) from exc
        finally:
            task.cancel()

    def _failed(self) -> None:
        """Leave a server that has got nothing done for a while, in case another one can."""
        if self._connection is not None and self._loop.time() - self._served > CLUSTER_USELESS_SECONDS_MAX:
            self._served = self._loop.time()
            self._connection.give_up("the server has got nothing done for a while")

    def leave(self, reason: str) -> None:
        """Go on to the next server; only in the link's loop."""
        if self._connection is not None and len(self.address.servers) > 1:
            self._connection.give_up(reason)

    async def wait_connected(self, seconds: float) -> bool:
        """Wait until there is a connection; returns whether there is one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), seconds)
        return self.is_connected

    async def _stay_connected(self) -> None:
        for place in itertools.cycle(range(len(self.address.servers))):
            try:
                await self._serve_one(self.address.servers[place].client_url)
            except asyncio.CancelledError:
                raise
            except Exception as exc:
                # Whatever the library raises: this task has to go on.
                logger.debug("a server of NATS could not be used", server=place, cause=repr(exc))
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve_one(self, url: str) -> None:
        """Connect to a server and stay until the connection is lost. Raises the errors of the library."""
        from nats.aio.client import Client

        client = Client()
        connection = Connection(client, self._loop.create_future())
        try:
            await asyncio.wait_for(self._connect(client, connection, url), CLUSTER_CONNECT_SECONDS_MAX)
            await client.subscribe(f"{connection.inbox}.*", cb=connection.take_batch_message)
            for subject in list(self._subscriptions):
                await self._subscribe(client, subject)
            self.server, self.max_payload = url, client.max_payload
            self._connection, self._served = connection, self._loop.time()
            self.connects += 1
            self._connected.set()
            logger.info("connected to a server of NATS", server=url)
            await self._watch(connection)
        finally:
            if self._connection is connection:
                self._connection = None
                self._connected.clear()
                connection.give_up("the connection is closed")
                logger.warning("lost the connection to a server of NATS", server=url, reason=connection.lost.result())
            await connection.close()

    async def _connect(self, client: Client, connection: Connection, url: str) -> None:
        async def closed() -> None:
            connection.give_up("the server closed the connection")

        async def failed(exc: Exception) -> None:
            logger.debug("a connection to NATS failed", server=url, cause=repr(exc))

        options: dict[str, Any] = {} if self._tls is None else {"tls": self._tls}
        if self.address.user is not None and self.address.password is None:
            options["token"] = self.address.user
        elif self.address.user is not None:
            options |= {"user": self.address.user, "password": self.address.password}
        await client.connect(
            [url],
            name=self.node,
            allow_reconnect=False,
            closed_cb=closed,
            error_cb=failed,
            # Ours is _watch.
            ping_interval=3_600,
            **options,
        )

    async def _watch(self, connection: Connection) -> None:
        """Return when the connection is lost; a server that does not respond to a ping in time is lost too."""
        from nats.errors import Error

        while not connection.lost.done():
            await asyncio.wait({connection.lost}, timeout=CLUSTER_PING_SECONDS)
            if connection.lost.done():
                return
            # A ping waits behind the bytes to send, and its response behind those to receive.
            waiting = self._bytes_in_flight / CLUSTER_LINK_BYTES_PER_SECOND_MIN
            ping = asyncio.ensure_future(connection.client.flush(3_600))
            both: set[asyncio.Future[Any]] = {ping, connection.lost}
            try:
                await asyncio.wait(
                    both, timeout=CLUSTER_REQUEST_SECONDS_MAX + waiting, return_when=asyncio.FIRST_COMPLETED
                )
                if not ping.done():
                    connection.give_up("the server does not respond")
                    return
                ping.result()
            except (Error, OSError):
                connection.give_up("the server does not respond")
            finally:
                ping.cancel()

    async def _subscribe(self, client: Client, subject: str) -> None:
        async def take(message: Msg) -> None:
            self._subscriptions[subject](message.data)

        await client.subscribe(subject, cb=take)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _end(self) -> None:
        running = set(self._tasks)
        while running:
            # Again, since wait_for loses a cancellation that meets its timeout (until Python 3.12).
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def collect(queue: asyncio.Queue[Msg]) -> list[Fetched]:
    """The messages of a batch up to its end. Raises TimeoutError if it stalls, LogError if it is refused."""
    fetched: list[Fetched] = []
    while True:
        message = await asyncio.wait_for(queue.get(), CLUSTER_FETCH_SECONDS_MAX)
        headers = message.headers or {}
        status = headers.get("Status")
        if status in (END_OF_BATCH, NOT_FOUND):
            return fetched
        if status == str(UNAVAILABLE):
            raise LogUnreachable("nobody is responsible for the stream now")
        if status is not None:
            raise LogError(f"JetStream refuses to hand out messages: {status} {headers.get('Description', '')}")
        fetched.append(Fetched(int(headers["Nats-Sequence"]), message.data, headers.get("Nats-Subject", "")))


def require_library() -> None:
    """Raises ConfigurationError unless nats-py is installed."""
    try:
        import nats.aio.client  # noqa: F401
    except ImportError as exc:
        raise ConfigurationError(
            "a log of NATS needs the package nats-py. Install it with: pip install 'eventkeep[server,cluster]'"
        ) from exc
