"""How many events an account has of each metric, in the table and in the tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eventkeep.eventlog.engine import Engine, Parameter
from eventkeep.eventlog.schema import TABLE
from eventkeep.eventlog.selection import EventSelection
from eventkeep.eventlog.tail import Chunk
from eventkeep.model.event_count import EventCount, total


def table_counts(engine: Engine, account: int, metric: int | None) -> dict[int, EventCount]:
    """The account's events in the table by their metric's number; of one metric where it is given."""
    # All of an account's events are read quickest in their primary order, those of one metric in its projection.
    where, how = "account = {account:UInt32}", "optimize_use_projections = 0"
    parameters: dict[str, Parameter] = {"account": account}
    if metric is not None:
        where, how = f"{where} AND metric = {{metric:UInt32}}", "optimize_use_projections = 1"
        parameters["metric"] = metric
    rows = engine.select(
        f"SELECT metric, count() AS events, min(time) AS oldest, max(time) AS newest FROM {TABLE} "
        f"WHERE {where} GROUP BY metric SETTINGS max_threads = 1, {how}",
        parameters,
    )
    if not rows.num_rows:
        return {}
    columns = [rows[name].to_pylist() for name in ("metric", "events", "oldest", "newest")]
    return {number: EventCount(*counted) for number, *counted in zip(*columns, strict=True)}


def with_tail(counts: dict[int, EventCount], chunks: Sequence[Chunk], account: int, metric: int | None) -> None:
    """Add the events of the tail to the counts of the table."""
    for chunk in chunks:
        places = chunk.matching(EventSelection(account=account, count=len(chunk), metric=metric))
        metrics, times = chunk.metric[places], chunk.time[places]
        for number in np.unique(metrics).tolist():
            own = times[metrics == number]
            found = EventCount(len(own), int(own.min()), int(own.max()))
            counts[number] = total([found, counts.get(number, EventCount())])
