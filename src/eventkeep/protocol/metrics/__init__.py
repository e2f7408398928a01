"""The routes of metrics: lists, properties of their events, and aggregates."""
