"""The source of an export: the scan of an eventkeep server, or the pages of any other host.

The hosted service has no scan, and neither has an older eventkeep. Pages are the only reason for a second way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eventkeep.client.synchronous.client import Client
from eventkeep.exporter.lots import Lot
from eventkeep.exporter.pages import Query
from eventkeep.exporter.records import row_of
from eventkeep.exporter.scan import Scan
from eventkeep.exporter.walk import in_order, pages
from eventkeep.protocol.rows.columns import encode_lines


@contextmanager
def rows_of(client: Client, query: Query) -> Iterator[Iterator[Lot]]:
    """The rows of a query by time, those of one second in the same order on every server.

    The first request is made here, so that a refusal is raised before there is a row. Raises ClientError.
    """
    scan = Scan(client, query)
    try:
        yield scan.lots() if scan.begin() else page_rows(client, query)
    finally:
        scan.close()


def page_rows(client: Client, query: Query) -> Iterator[Lot]:
    """The same from pages of the API. Raises ClientError."""
    client.perform(query.call(client.settings, None))
    return _page_lots(client, query)


def _page_lots(client: Client, query: Query) -> Iterator[Lot]:
    for records in in_order(page.records for page in pages(client, query)):
        yield Lot(len(records), encode_lines([row_of(record, has_ids=query.has_ids) for record in records]))
