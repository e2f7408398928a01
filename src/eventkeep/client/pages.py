"""``Page``: one page of resources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, overload

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.json_api import cursor_in, listed_resources, read_document

Item_co = TypeVar("Item_co", covariant=True)


class Page(msgspec.Struct, Generic[Item_co], frozen=True, kw_only=True):
    """One page of metrics, profiles and so on, a sequence of them. A cursor is None if there is no such page."""

    items: list[Item_co]
    next_cursor: str | None
    prev_cursor: str | None
    raw: Raw

    def __iter__(self) -> Iterator[Item_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> Item_co: ...

    @overload
    def __getitem__(self, place: slice) -> list[Item_co]: ...

    def __getitem__(self, place: int | slice) -> Item_co | list[Item_co]:
        return self.items[place]

    def __repr__(self) -> str:
        return f"Page({len(self.items)} items, next_cursor={self.next_cursor!r})"

    def as_sent(self) -> dict[str, Any]:
        """Return the whole document of the response: data, included, links."""
        document: dict[str, Any] = msgspec.json.decode(self.raw)
        return document


def page_reader(read: Callable[[Raw], Item_co]) -> Callable[[httpx.Response], Page[Item_co]]:
    """Return the reader of pages whose resources ``read`` reads. It raises msgspec.DecodeError."""

    def read_page(response: httpx.Response) -> Page[Item_co]:
        document = read_document(response)
        return Page(
            items=[read(raw) for raw in listed_resources(document)],
            next_cursor=cursor_in(document.links.next),
            prev_cursor=cursor_in(document.links.prev),
            raw=Raw(response.content),
        )

    return read_page
