"""The OpenAPI document of each revision, at ``/openapi/<revision>.json``."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.revisions import REVISIONS

_PATH: Final = re.compile(r"/openapi/([0-9-]{10})\.json")
_REVISIONS: Final = {revision.date: revision for revision in REVISIONS}
_BASE_URL: Final = "http://base-url.invalid"
"""Stands for the server's URL in a cached document."""


class OpenApiDocuments:
    """Makes each document once. Each request inserts its own URL."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[bytes, bytes]] = {}

    def find(self, path: str, base_url: str) -> bytes | None:
        """The document at ``path``, as JSON; None if the path is another one or the revision is unknown."""
        found = _PATH.fullmatch(path)
        if found is None or found[1] not in _REVISIONS:
            return None
        if found[1] not in self._made:
            document = msgspec.json.encode(openapi_document(_REVISIONS[found[1]], _BASE_URL))
            head, _, tail = document.partition(_BASE_URL.encode())
            self._made[found[1]] = (head, tail)
        head, tail = self._made[found[1]]
        return head + msgspec.json.encode(base_url)[1:-1] + tail
