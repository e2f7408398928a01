"""Query strings, pages and aggregates."""

from __future__ import annotations

from typing import Final

# Query strings.
QUERY_BYTES_MAX: Final = 16_384
"""Bytes of a query string, as it is sent."""
FILTER_CHARACTERS_MAX: Final = 8_192
"""Characters of a filter."""
FILTER_CONDITIONS_MAX: Final = 32
"""Conditions in one filter."""
FILTER_NESTING_MAX: Final = 8
"""Levels of and(…) in one filter."""
CURSOR_CHARACTERS_MAX: Final = 1_024
"""Characters of a cursor."""

# Pages.
PAGE_EVENTS_DEFAULT: Final = 200
"""Events on a page if the request or the revision gives no size."""
PAGE_EVENTS_MAX: Final = 1_000
"""The most events on a page, if the revision has ``page[size]``."""
PAGE_BYTES_MAX: Final = 10_000_000
"""Bytes of properties, and of included profiles, at which a page ends early; two of the largest events fit."""
PAGE_PROFILES_DEFAULT: Final = 20
"""Profiles on a page if the request gives no size."""
PAGE_PROFILES_MAX: Final = 100
"""Profiles on a page, at the most."""
PROFILES_SORTED_MAX: Final = 4_000
"""Profiles within the bounds of a filter that are sorted for a page; with more, the order is walked."""
METRICS_PER_PAGE: Final = 200
"""Metrics on a page of get_metrics."""

# Reader threads.
READER_THREADS: Final = 4
"""Threads that read the stores, each on a connection of its own; one reads, and others if it takes long."""
READ_TURN_SECONDS: Final = 0.01
"""Seconds after which a read no longer keeps those waiting that came after it."""
READS_WAITING_MAX: Final = 1_000
"""Reads that may wait for a reader thread; past it: 503."""

# Properties of a metric.
METRIC_PROPERTY_EVENTS_MAX: Final = 1_000
"""Newest events of a metric in which its properties are looked for."""
METRIC_PROPERTIES_MAX: Final = 1_000
"""Properties of one metric that are told."""
METRIC_PROPERTY_SAMPLES_MAX: Final = 10
"""Sample values of one property that are told."""
METRIC_PROPERTY_SAMPLE_CHARACTERS_MAX: Final = 200
"""Characters of a sample value; longer ones are not told."""

# Aggregates.
AGGREGATE_RANGE_DAYS_MAX: Final = 366
"""Days of the time range of one query for aggregates."""
AGGREGATE_FILTERS_MAX: Final = 32
"""Filters of one query for aggregates."""
AGGREGATE_DIMENSIONS_MAX: Final = 16
"""Dimensions by which one query for aggregates groups."""
AGGREGATE_ROWS_DEFAULT: Final = 500
"""Rows on a page of aggregates if the query does not say how many."""
AGGREGATE_ROWS_MAX: Final = 1_000
"""Rows on a page of aggregates, at most."""
AGGREGATE_GROUPS_MAX: Final = 100_000
"""Groups of one query for aggregates, over all its pages."""
AGGREGATE_GROUPED_EVENTS_MAX: Final = 20_000_000
"""Events of one query for aggregates that groups or filters by dimensions."""
AGGREGATE_PROFILES_HELD_MAX: Final = 16_000_000
"""Profile numbers held while unique profiles are counted; more are made distinct first."""
