"""The page of the errors: every status and code that a response can have."""

from __future__ import annotations

from typing import Final

from eventkeep.errors import MethodNotAllowed, RequestRefused, Throttled, Unavailable
from eventkeep.protocol.error_documents import FAILURE, PROBLEMS
from tools.reference.markdown import code, page, plain, table

INTRODUCTION: Final = """
Every status and code that an error document can have. [Errors](../errors.md) gives the remedy for each.
"""
HEADERS: Final[dict[type[RequestRefused], str]] = {
    MethodNotAllowed: "`Allow`",
    Throttled: "`Retry-After`",
    Unavailable: "`Retry-After`",
}


def problems_page() -> str:
    """The one table from an exception to status, code and title."""
    rows = [
        (code(problem.status), code(problem.code), problem.title, plain(kind.__doc__ or ""), HEADERS.get(kind, ""))
        for kind, problem in PROBLEMS.items()
    ]
    failure = "The server failed. Its log has the details, under the request's id."
    rows.append((code(FAILURE.status), code(FAILURE.code), FAILURE.title, failure, ""))
    return page("Error codes", INTRODUCTION, table(("status", "code", "title", "meaning", "header"), sorted(rows)))
