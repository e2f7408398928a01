"""The OpenAPI document of each revision, at ``/openapi/<revision>.json``."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec

from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.revisions import REVISIONS, Revision

_PATH: Final = re.compile(r"/openapi/([0-9-]{10})\.json")
_REVISIONS: Final = {revision.date: revision for revision in REVISIONS}
_BASE_URL: Final = "http://base-url.invalid"
"""Stands for the server's URL in a cached document."""


class OpenApiDocuments:
    """Makes each document once, in a thread, because that takes long. Each request inserts its own URL."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[bytes, bytes]] = {}
        self._making = asyncio.Lock()

    async def find(self, path: str, base_url: str) -> bytes | None:
        """The document at ``path``, as JSON; None if the path is another one or the revision is unknown."""
        found = _PATH.fullmatch(path)
        if found is None or found[1] not in _REVISIONS:
            return None
        if found[1] not in self._made:
            async with self._making:
                if found[1] not in self._made:
                    self._made[found[1]] = await asyncio.to_thread(made_document, _REVISIONS[found[1]])
        head, tail = self._made[found[1]]
        return head + msgspec.json.encode(base_url)[1:-1] + tail


def made_document(revision: Revision) -> tuple[bytes, bytes]:
    """The document of a revision as JSON, up to the server's URL and behind it."""
    document = msgspec.json.encode(openapi_document(revision, _BASE_URL))
    head, _, tail = document.partition(_BASE_URL.encode())
    return head, tail
