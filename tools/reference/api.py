"""The pages of the API: one for each revision, with the changes since the one before."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from eventkeep.cli.revision_views import MARKS, Row, headline, in_short, sections
from eventkeep.cli.revisions import compared
from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.openapi.differences import OperationDifference, difference
from eventkeep.protocol.operation import FIRST_REVISION, Operation
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS, Revision
from tools.reference.markdown import code, escaped, listed, page, table

INTRODUCTION: Final = """
Every revision of the API that this server speaks. [Revisions](../../revisions.md) says which one a request gets. The
OpenAPI 3.0 document of each is served at `/openapi/<revision>.json`, without a key.
"""
OPERATIONS_TEXT: Final = """
Paths work with and without a slash at their end. The rate limits are those of the hosted service;
[they can be changed](../../rate-limits.md).
"""
CHANGES_TEXT: Final = """
`+` came, `-` went, `~` is different. `eventkeep revisions diff` tells the same of any two revisions.
"""
BASE_URL: Final = "http://127.0.0.1:8340"
TREES: Final = ("request body", "response")
"""Parts that are shown as indented lines."""
WORDS_COLUMN: Final = 52
"""The column of the words of a tree, in characters."""


def api_pages() -> dict[str, str]:
    """The pages by their paths below ``docs/reference``."""
    pages = {"api/index.md": _index()}
    for before, revision in _with_the_one_before():
        pages[f"api/{revision.date}.md"] = _revision(revision, before)
    return pages


def _with_the_one_before() -> Iterator[tuple[Revision | None, Revision]]:
    return zip((None, *REVISIONS), REVISIONS, strict=False)


def _index() -> str:
    revisions = []
    for before, revision in _with_the_one_before():
        changes = "the first one here" if before is None else in_short(compared(before, revision))
        told = escaped(changes) or "nothing that a client sees"
        revisions.append((f"[{revision.date}]({revision.date}.md)", code(revision.media_type), told))
    operations = [
        (
            code(name),
            code(f"{each.method} {each.path}"),
            listed(each.scopes),
            limit_text(each),
            each.since,
        )
        for name, each in OPERATIONS.items()
    ]
    return page(
        "API",
        INTRODUCTION,
        "## Operations",
        OPERATIONS_TEXT,
        table(("operation", "method and path", "scopes", "rate limit", "since"), operations),
        "## Revisions",
        table(("revision", "media type", "changes"), reversed(revisions)),
    )


def limit_text(operation: Operation) -> str:
    """The rate limit of an operation, its later values, and lower limits."""
    limit = operation.limit
    told = [f"{limit.first.burst}/s, {limit.first.steady}/m"]
    told += [f"from {since} on {later.burst}/s, {later.steady}/m" for since, later in limit.later]
    for lower in operation.lower_limits:
        since = f", from {lower.since} on" if lower.since > FIRST_REVISION else ""
        asked = " or ".join(code(f"{lower.parameter}={value}") for value in lower.values)
        told.append(f"with {asked} {lower.limit.burst}/s, {lower.limit.steady}/m{since}")
    return "; ".join(told)


def _revision(revision: Revision, before: Revision | None) -> str:
    document = openapi_document(revision, BASE_URL)
    parts = [f"Bodies are `{revision.media_type}`. The OpenAPI document is at `/openapi/{revision.date}.json`."]
    if before is not None:
        changes = list(_changes(before, revision))
        if not changes:
            told = f"A client sees no difference from [{before.date}]({before.date}.md): its page holds here too."
            return page(f"Revision {revision.date}", *parts, told)
        parts += [f"## Changes since {before.date}", *changes]
    parts.append("## Operations")
    # Compared with a document without paths everything is new, so everything is listed.
    whole = difference({**document, "paths": {}}, document)
    for operation in whole.operations:
        parts += _operation(operation, document)
    return page(f"Revision {revision.date}", *parts)


def _changes(before: Revision, revision: Revision) -> Iterator[str]:
    found = compared(before, revision)
    if not found.operations:
        return
    yield f"{headline(found)} {CHANGES_TEXT.strip()}"
    for operation in found.operations:
        if operation.kind != "changed":
            yield f"**{operation.name}** was {operation.kind}: see [below](#{operation.name})."
            continue
        yield f"**{operation.name}**"
        lines = []
        for title, rows in sections(operation):
            lines += [f"  {title}", *(f"{MARKS[row.kind]}   {line}" for row, line in _lines(rows))]
        yield _block(lines, "diff")


def _operation(operation: OperationDifference, document: dict[str, Any]) -> Iterator[str]:
    described = document["paths"][operation.path][operation.method.lower()]
    found = dict(sections(operation))
    limits = ", ".join(row.words for row in found.get("limits", ()))
    yield f"### {operation.name}"
    yield f"`{operation.method} {operation.path}`: {described['description'][0].lower()}{described['description'][1:]}"
    scopes = listed(row.name for row in found["scopes"])
    yield f"Scopes: {scopes}. Limits: {limits}. Statuses: {listed(row.name for row in found['statuses'])}."
    if "parameters" in found:
        yield table(("parameter", "may be"), _parameters(found["parameters"]))
    for title in TREES:
        if title in found:
            rows = found[title]
            if operation.name == "get_event":
                # Half of the page would repeat the list.
                rows = list(itertools.takewhile(lambda row: row.name != "included", rows))
                yield "`included` is that of [get_events](#get_events)."
            yield f"{title.capitalize()}:"
            yield _block((line for _, line in _lines(rows)), "text")
    yield f"Headers of a success: {listed(_headers_of_success(found['headers']))}."


def _parameters(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """The meaning of a parameter, and then its values."""
    for name, group in itertools.groupby(sorted(rows, key=lambda row: row.name), key=lambda row: row.name):
        same = list(group)
        kinds = [row.words for row in same if not row.is_value]
        values = [listed(row.words.split(", ")) for row in same if row.is_value]
        yield code(name), ": ".join([*kinds, *values])


def _headers_of_success(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        status, _, name = row.name.partition(" ")
        if status.startswith("2"):
            yield name


def _lines(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Rows as indented lines. Objects in ``links`` are the same everywhere, and left out."""
    hidden_below: int | None = None
    for row in rows:
        if hidden_below is not None and row.depth > hidden_below:
            continue
        hidden_below = row.depth if row.name.endswith("links") and row.depth else None
        name = f"{'  ' * row.depth}{row.name}"
        yield row, f"{name:<{WORDS_COLUMN}}  {row.words}".rstrip()


def _block(lines: Iterable[str], language: str) -> str:
    return "\n".join([f"```{language}", *lines, "```"])
