"""Documents of JSON:API as responses have them, before they become results."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from msgspec import Raw


class Links(msgspec.Struct):
    next: str | None = None
    prev: str | None = None


class Relationship(msgspec.Struct):
    data: Raw = Raw(b"null")


class ResourceObject(msgspec.Struct):
    type: str
    id: str
    attributes: Raw = Raw(b"{}")
    relationships: dict[str, Relationship] = {}


class Document(msgspec.Struct):
    data: Raw
    included: list[Raw] = []
    links: Links = msgspec.field(default_factory=Links)


def read_document(response: httpx.Response) -> Document:
    """Read a whole response. Raises msgspec.DecodeError."""
    return msgspec.json.decode(response.content, type=Document)


def listed_resources(document: Document) -> list[Raw]:
    """Return the resources of a page. Raises msgspec.DecodeError."""
    return msgspec.json.decode(document.data, type=list[Raw])


def single_resource(document: Document) -> Raw:
    """Return the resource of a single document; in revision 2024-07-15 it is in a list of one."""
    data = document.data
    if not bytes(data).lstrip().startswith(b"["):
        return data
    resources = listed_resources(document)
    if len(resources) != 1:
        raise msgspec.ValidationError(f"expected one resource, got {len(resources)}")
    return resources[0]


def values_of(raw: Raw) -> dict[str, Any]:
    """Return the attributes of a resource, and its id. Raises msgspec.DecodeError."""
    resource = msgspec.json.decode(raw, type=ResourceObject)
    return {**msgspec.json.decode(resource.attributes, type=dict[str, Any]), "id": resource.id}


def cursor_in(text: str | None) -> str | None:
    """Return the cursor in a link, or the text itself if it is no link."""
    if text is None or "://" not in text:
        return text
    found = parse_qs(urlsplit(text).query).get("page[cursor]")
    return found[0] if found else None
