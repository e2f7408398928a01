"""The event store: immutable segments of events, and those in memory that are not flushed yet."""
