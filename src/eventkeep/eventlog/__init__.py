"""The event log: what never changes. ClickHouse SQL, on the embedded engine or (later) on servers."""
