"""The facts about a request that every part of its response needs, and the links that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from eventkeep.protocol.queries import Query
from eventkeep.protocol.resources import json_text
from eventkeep.protocol.revisions import Revision

CURSOR: Final = "page[cursor]"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """``base_url`` is the beginning of links (scheme and host, no slash at its end).

    ``path`` is the request's path, decoded, as it was sent.
    """

    base_url: str
    path: str
    revision: Revision
    query: Query = Query()

    def link(self, cursor: str | None = None) -> bytes:
        """The request's own URL as a JSON string, or that of another page of it."""
        return link_text(self.base_url, self.path, self.query.parameters, cursor)

    def own_link(self, kind: str, id: str) -> bytes:
        """The URL of a resource, such as one of the kind ``profiles``, as a JSON string."""
        return b'"%b/api/%b/%b/"' % (json_text(self.base_url), kind.encode(), quote(id, safe="").encode())

    def collection_links(self, next_cursor: str | None = None, prev_cursor: str | None = None) -> bytes:
        """The links of a page; null in the place of a page that does not exist."""
        return b'{"self":%b,"next":%b,"prev":%b}' % (
            self.link(),
            b"null" if next_cursor is None else self.link(next_cursor),
            b"null" if prev_cursor is None else self.link(prev_cursor),
        )


def link_text(base_url: str, path: str, parameters: Sequence[tuple[str, str]], cursor: str | None = None) -> bytes:
    """A URL as a JSON string, percent-encoded; with a ``cursor`` that of another page."""
    if cursor is not None:
        parameters = [*(pair for pair in parameters if pair[0] != CURSOR), (CURSOR, cursor)]
    query = "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters])
    return b'"%b%b"' % (json_text(base_url), (quote(path, safe="/") + (f"?{query}" if query else "")).encode())
