"""Which events: ``--filter``, and ``--since`` and ``--until`` as sugar for it."""

from __future__ import annotations

import datetime
from typing import Annotated

import typer

from eventkeep.cli.moments import MOMENT_HELP, parse_moment
from eventkeep.protocol.filters import Filter

FilterOption = Annotated[
    str | None, typer.Option("--filter", help='Only these, such as equals(metric_id,"SkDfHe").', show_default=False)
]
SinceOption = Annotated[str | None, typer.Option(help=f"Only events at or after then: {MOMENT_HELP} ago.")]
UntilOption = Annotated[str | None, typer.Option(help="Only events before then.")]


def in_period(filter: str | None, since: str | None, until: str | None, now: datetime.datetime) -> str | None:
    """Add a period to a filter; returns None without either. Raises ConfigurationError."""
    conditions = [filter] if filter else []
    if (moment := parse_moment("--since", since, now)) is not None:
        conditions.append(str(Filter.greater_or_equal("datetime", moment)))
    if (moment := parse_moment("--until", until, now)) is not None:
        conditions.append(str(Filter.less_than("datetime", moment)))
    return ",".join(conditions) or None
