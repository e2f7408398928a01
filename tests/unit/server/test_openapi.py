"""The documents that the server serves."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import pytest

from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.openapi import OpenApiDocuments

BASE_URL: Final = 'http://"quoted".example:8000'


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_every_revision_has_its_document(revision: object) -> None:
    found = next(each for each in REVISIONS if each is revision)
    documents = OpenApiDocuments()
    for base_url in (BASE_URL, "https://events.shop.example"):
        document = asyncio.run(documents.find(f"/openapi/{found.date}.json", base_url))
        assert document is not None
        assert json.loads(document) == openapi_document(found, base_url)


@pytest.mark.parametrize(
    "path",
    [
        "/openapi/2024-06-14.json",
        "/openapi/2024-06-15",
        "/openapi/2024-06-15.json/",
        "/openapi/2024-06-15.json\n",
        "/openapi/",
        "/openapi",
        "/",
    ],
)
def test_there_is_nothing_else(path: str) -> None:
    assert asyncio.run(OpenApiDocuments().find(path, BASE_URL)) is None
