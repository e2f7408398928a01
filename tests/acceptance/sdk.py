"""The SDK's clients behind one interface, so that the same tests hold all of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import httpx

from eventkeep import AsyncClient, Client
from eventkeep.client.asynchronous.accounts import AsyncAccounts
from eventkeep.client.asynchronous.batch import AsyncBatch
from eventkeep.client.asynchronous.events import AsyncEvents
from eventkeep.client.asynchronous.metrics import AsyncMetrics
from eventkeep.client.asynchronous.profiles import AsyncProfiles
from eventkeep.config import ServeSettings
from eventkeep.server.app import App
from eventkeep.server.services import Services
from eventkeep.testing import ServerProcess
from tests.asgi import AsgiApp
from tests.folder_changes import new_key

FLAVOURS: Final = ("sync", "async", "in process")


class Blocking:
    """A part of the asyncio client, called like its synchronous counterpart: each call runs the loop to its end."""

    def __init__(self, runner: asyncio.Runner, target: Any) -> None:
        self._runner, self._target = runner, target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, "aclose" if name == "close" else name)
        if not inspect.ismethod(value):
            return self._given(value)
        return lambda *arguments, **options: self._given(value(*arguments, **options))

    def __enter__(self) -> Self:
        self._runner.run(self._target.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._target.__aexit__(kind, exc, trace))

    def _given(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            value = self._runner.run(value)
        if inspect.isasyncgen(value):
            return self._iterate(value)
        is_wrapped = isinstance(value, AsyncBatch | AsyncEvents | AsyncMetrics | AsyncProfiles | AsyncAccounts)
        return Blocking(self._runner, value) if is_wrapped else self if value is self._target else value

    def _iterate(self, generator: Any) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(generator, None)

        while (item := self._runner.run(following())) is not None:
            yield item


class Place:
    """A server, and the clients of one flavour for it."""

    def __init__(self, server: ServerProcess, connect: Callable[..., Client]) -> None:
        self.server, self._connect = server, connect

    def connect(self, key: str, url: str | None = None, **options: Any) -> Client:
        """A client; the options are those of ``Client``. Closed by a ``with``."""
        return self._connect(key, url or self.server.url, **options)

    def connect_new(self, account: str, **options: Any) -> Client:
        """A client with a key of an account that is made for it."""
        return self.connect(self.new_key(account), **options)

    def new_key(self, account: str, scopes: str = "full") -> str:
        """A key of an account that is created for it, beside the server, as ``eventkeep keys create`` does it."""
        return new_key(self.server.data, account, scopes)


@contextmanager
def place(flavour: str, server: ServerProcess, folder: Path) -> Iterator[Place]:
    """The server for clients of the flavour: ``server``, or one in this process with its data in ``folder``."""
    if flavour == "sync":
        yield Place(server, Client)
        return
    with asyncio.Runner() as runner:
        if flavour == "async":
            yield Place(
                server, lambda *given, **options: cast(Client, Blocking(runner, AsyncClient(*given, **options)))
            )
            return
        services = Services(folder)
        try:
            transport = httpx.ASGITransport(AsgiApp(App(services, ServeSettings(rate_limits="off"))))
            yield Place(
                # It is not started; keys are created in its folder.
                ServerProcess(folder),
                lambda *given, **options: cast(
                    Client, Blocking(runner, AsyncClient(*given, transport=transport, **options))
                ),
            )
        finally:
            services.close()
